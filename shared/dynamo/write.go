package dynamo

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

const (
	maxBatch   = 25 // items a BatchWriteItem
	concurrent = 4  // BatchWriteItem calls under way at once
	// tombstone outlives every Lambda invocation (15 minutes at the most) by far.
	tombstone = 24 * time.Hour
)

// later is the condition under which a version becomes current: the latest wins.
const later = "attribute_not_exists(#version) OR #version < :version"

// Embeddings implements rag.Writer.
func (t *Table) Embeddings(ctx context.Context, tenant, id string) (map[string][]float32, string, error) {
	if err := t.claimSpace(ctx); err != nil {
		return nil, "", err
	}
	head, err := t.head(ctx, tenant, id)
	if err != nil || head == nil {
		return nil, "", err
	}
	version := text(head, "version")
	if text(head, "status") != ready {
		return nil, version, nil
	}
	out := map[string][]float32{}
	err = t.query(ctx, &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("#tenant = :tenant AND begins_with(#sk, :prefix)"),
		ProjectionExpression:      aws.String("#hash, #embedding"),
		ExpressionAttributeNames:  map[string]string{"#tenant": "tenant", "#sk": "sk", "#hash": "hash", "#embedding": "embedding"},
		ExpressionAttributeValues: item{":tenant": str(tenant), ":prefix": str(chunkPrefix(id) + version + "#")},
		ConsistentRead:            aws.Bool(true),
	}, func(i item) (err error) {
		out[text(i, "hash")], err = vector(i["embedding"])
		return err
	})
	return out, version, err
}

// Replace implements rag.Writer. Once it returned nil the version is current.
func (t *Table) Replace(ctx context.Context, tenant string, d rag.Document, chunks []rag.Chunk) error {
	if err := t.claimSpace(ctx); err != nil {
		return err
	}
	writes := make([]types.WriteRequest, len(chunks))
	for i, c := range chunks {
		writes[i].PutRequest = &types.PutRequest{Item: chunkItem(tenant, d, c)}
	}
	if err := t.batch(ctx, writes); err != nil {
		return err
	}
	if err := t.switchTo(ctx, documentItem(tenant, d)); err != nil {
		if fault.From(err).Kind == fault.Conflict {
			t.withdraw(ctx, writes)
		}
		return err
	}
	t.sweepOrTell(ctx, tenant, d.ID, d.Version)
	return nil
}

// withdraw deletes the chunks of a version that was overtaken and can never
// become current: left where they are, they would take places among the few
// results of a search until the document's next write sweeps them. That write
// comes too if this fails.
func (t *Table) withdraw(ctx context.Context, writes []types.WriteRequest) {
	back := make([]types.WriteRequest, len(writes))
	for i, w := range writes {
		key := item{"tenant": w.PutRequest.Item["tenant"], "sk": w.PutRequest.Item["sk"]}
		back[i].DeleteRequest = &types.DeleteRequest{Key: key}
	}
	if err := t.batch(ctx, back); err != nil {
		slog.WarnContext(ctx, "chunks of an overtaken version left for the next write to sweep", "error", fault.From(err).Detail)
	}
}

// Delete implements rag.Writer. The tombstone is written even where there is no
// document: chunks of a first put may be under way, and are swept with the rest.
func (t *Table) Delete(ctx context.Context, tenant, id string) error {
	head, err := t.head(ctx, tenant, id)
	if err != nil {
		return err
	}
	version := text(head, "version")
	if text(head, "status") != deleted {
		version = rag.NewVersion(version)
		grave := documentKey(tenant, id)
		grave["document_id"], grave["version"], grave["status"] = str(id), str(version), str(deleted)
		grave["expires_at"] = num(time.Now().Add(tombstone).Unix())
		if err := t.switchTo(ctx, grave); err != nil {
			return err
		}
	}
	return t.sweep(ctx, tenant, id, version)
}

// switchTo writes the document item, unless a later version is there.
func (t *Table) switchTo(ctx context.Context, i item) error {
	version := text(i, "version")
	_, err := call(ctx, t.writes, func(ctx context.Context) (*dynamodb.PutItemOutput, error) {
		return t.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: i,
			ConditionExpression:                 aws.String(later),
			ExpressionAttributeNames:            map[string]string{"#version": "version"},
			ExpressionAttributeValues:           item{":version": str(version)},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	})
	if f := fault.From(err); f != nil && f.Kind == fault.Conflict {
		// An attempt whose answer was lost may have done it already.
		if head, again := t.head(ctx, text(i, "tenant"), text(i, "document_id")); again == nil && text(head, "version") == version {
			return nil
		}
		return &fault.Error{Kind: fault.Conflict, Detail: "the document was replaced or deleted by a later request meanwhile", Cause: err}
	}
	return err
}

// sweepOrTell sweeps after a replacement that is done: what it leaves is
// invisible, and the next write sweeps it, so its failure fails nothing.
func (t *Table) sweepOrTell(ctx context.Context, tenant, id, version string) {
	if err := t.sweep(ctx, tenant, id, version); err != nil {
		slog.WarnContext(ctx, "old chunks left for the next write to sweep", "document_id", id, "error", fault.From(err).Detail)
	}
}

// sweep deletes the chunks of versions before the given one. Those of later
// versions belong to a replacement that is under way, or to whoever finished one.
func (t *Table) sweep(ctx context.Context, tenant, id, version string) error {
	var writes []types.WriteRequest
	prefix := chunkPrefix(id)
	err := t.query(ctx, &dynamodb.QueryInput{
		// Versions are lower-case hex and -, which all sort after #.
		KeyConditionExpression:    aws.String("#tenant = :tenant AND #sk BETWEEN :first AND :last"),
		ProjectionExpression:      aws.String("#tenant, #sk"),
		ExpressionAttributeNames:  map[string]string{"#tenant": "tenant", "#sk": "sk"},
		ExpressionAttributeValues: item{":tenant": str(tenant), ":first": str(prefix), ":last": str(prefix + version)},
		ConsistentRead:            aws.Bool(true),
	}, func(i item) error {
		writes = append(writes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: item{"tenant": i["tenant"], "sk": i["sk"]}}})
		return nil
	})
	if err != nil {
		return err
	}
	return t.batch(ctx, writes)
}

// batch makes the writes in any order, 25 at a time.
func (t *Table) batch(ctx context.Context, writes []types.WriteRequest) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrent)
	for from := 0; from < len(writes); from += maxBatch {
		some := writes[from:min(from+maxBatch, len(writes))]
		g.Go(func() error { return t.writeAll(ctx, some) })
	}
	return g.Wait()
}

// writeAll writes up to 25 items, and again what DynamoDB hands back as
// unprocessed, until nothing is left or the step's time is spent.
func (t *Table) writeAll(ctx context.Context, writes []types.WriteRequest) error {
	for pause := 25 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		out, err := call(ctx, t.writes, func(ctx context.Context) (*dynamodb.BatchWriteItemOutput, error) {
			return t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems: map[string][]types.WriteRequest{t.name: writes}})
		})
		if err != nil {
			return err
		}
		if writes = out.UnprocessedItems[t.name]; len(writes) == 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
