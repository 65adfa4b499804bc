package dynamo

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// maxTopK is the most that one vector search gives.
const maxTopK = 100

// Get implements rag.Catalog.
func (t *Table) Get(ctx context.Context, tenant, id string) (rag.Document, error) {
	head, err := t.head(ctx, tenant, id)
	if err != nil {
		return rag.Document{}, err
	}
	if text(head, "status") != ready {
		return rag.Document{}, fault.New(fault.NotFound, "no document %s", id)
	}
	return document(head), nil
}

// List implements rag.Catalog. The cursor is the last document's id, encoded.
func (t *Table) List(ctx context.Context, tenant string, limit int, cursor string) ([]rag.Document, string, error) {
	in := &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("#tenant = :tenant AND begins_with(#sk, :prefix)"),
		FilterExpression:          aws.String("#status = :ready"),
		ExpressionAttributeNames:  map[string]string{"#tenant": "tenant", "#sk": "sk", "#status": "status"},
		ExpressionAttributeValues: item{":tenant": str(tenant), ":prefix": str("doc#"), ":ready": str(ready)},
		ConsistentRead:            aws.Bool(true),
		// One more than asked for tells whether there is another page. Tombstones
		// are filtered after the limit, hence the loop over pages.
		Limit: aws.Int32(int32(limit) + 1),
	}
	if cursor != "" {
		id, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || rag.ValidID("cursor", string(id)) != nil {
			return nil, "", fault.Bad("cursor", "is not one that a list returned")
		}
		in.ExclusiveStartKey = documentKey(tenant, string(id))
	}
	page := []rag.Document{}
	err := t.query(ctx, in, func(i item) error {
		if page = append(page, document(i)); len(page) > limit {
			return errPageFull
		}
		return nil
	})
	if err != nil && err != errPageFull {
		return nil, "", err
	}
	if len(page) <= limit {
		return page, "", nil
	}
	page = page[:limit]
	return page, base64.RawURLEncoding.EncodeToString([]byte(page[limit-1].ID)), nil
}

var errPageFull = fault.New(fault.Internal, "the page is full")

// Search implements rag.Searcher. It asks the index for more than k, since some
// results may be chunks of replaced versions; when too few are left it asks
// once more for the most there is.
func (t *Table) Search(ctx context.Context, tenant string, v []float32, k int, f rag.Filter) ([]rag.Passage, error) {
	if err := t.checkSpace(ctx); err != nil {
		return nil, err
	}
	want := min(maxTopK, k+k/2+5)
	if len(f.Metadata) > 0 {
		want = maxTopK
	}
	for {
		found, err := t.nearest(ctx, tenant, v, want, f)
		if err != nil {
			return nil, err
		}
		passages, err := t.current(ctx, tenant, found, f.Metadata)
		if err != nil {
			return nil, err
		}
		if len(passages) >= k || len(found) < want || want == maxTopK {
			return passages[:min(k, len(passages))], nil
		}
		want = maxTopK
	}
}

// nearest is one vector search.
func (t *Table) nearest(ctx context.Context, tenant string, v []float32, k int, f rag.Filter) ([]types.SearchResultItem, error) {
	in := &dynamodb.SearchVectorsInput{
		TableName: &t.name, IndexName: aws.String(Index), SearchVector: numbers(v), TopK: aws.Int32(int32(k)),
		SearchConditionExpression: aws.String("#tenant = :tenant"),
		ProjectionExpression:      aws.String("#document_id, #version, #n, #text"),
		ExpressionAttributeNames: map[string]string{"#tenant": "tenant", "#document_id": "document_id",
			"#version": "version", "#n": "n", "#text": "text"},
		ExpressionAttributeValues: item{":tenant": str(tenant)},
	}
	if f.DocumentID != "" {
		*in.SearchConditionExpression += " AND #document_id = :document_id"
		in.ExpressionAttributeValues[":document_id"] = str(f.DocumentID)
	}
	if f.Collection != "" {
		*in.SearchConditionExpression += " AND #collection = :collection"
		in.ExpressionAttributeNames["#collection"] = "collection"
		in.ExpressionAttributeValues[":collection"] = str(f.Collection)
	}
	out, err := call(ctx, t.searches, func(ctx context.Context) (*dynamodb.SearchVectorsOutput, error) {
		out, err := t.client.SearchVectors(ctx, in)
		if err != nil && strings.Contains(err.Error(), "does not have the specified index") {
			// DynamoDB says so for a while after an index became active.
			return nil, &fault.Error{Kind: fault.Unavailable, Detail: "dynamodb: the vector index " + Index + " is not there, or not yet", Cause: err}
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	return out.SearchResults, nil
}

// current makes passages of the chunks found whose version is their document's
// current one and whose document has the metadata, most similar first.
func (t *Table) current(ctx context.Context, tenant string, found []types.SearchResultItem, metadata map[string]string) ([]rag.Passage, error) {
	heads := map[string]rag.Document{}
	for _, r := range found {
		heads[text(r.Item, "document_id")] = rag.Document{}
	}
	if err := t.heads(ctx, tenant, heads); err != nil {
		return nil, err
	}
	passages := []rag.Passage{}
	for _, r := range found {
		d := heads[text(r.Item, "document_id")]
		if d.Version == "" || d.Version != text(r.Item, "version") || !has(d.Metadata, metadata) {
			continue
		}
		passages = append(passages, rag.Passage{DocumentID: d.ID, Chunk: int(integer(r.Item, "n")), Text: text(r.Item, "text"),
			Score: 1 - r.Score, Title: d.Title, Metadata: d.Metadata})
	}
	slices.SortStableFunc(passages, func(a, b rag.Passage) int { return cmp.Compare(b.Score, a.Score) })
	return passages, nil
}

// heads fills in the documents named by the keys; those that are not current
// stay empty. There are at most maxTopK of them, which one BatchGetItem takes.
func (t *Table) heads(ctx context.Context, tenant string, heads map[string]rag.Document) error {
	var keys []map[string]types.AttributeValue
	for id := range heads {
		keys = append(keys, documentKey(tenant, id))
	}
	for pause := 25 * time.Millisecond; len(keys) > 0; pause *= 2 {
		out, err := call(ctx, t.reads, func(ctx context.Context) (*dynamodb.BatchGetItemOutput, error) {
			return t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				t.name: {Keys: keys, ConsistentRead: aws.Bool(true)}}})
		})
		if err != nil {
			return err
		}
		for _, i := range out.Responses[t.name] {
			if text(i, "status") == ready {
				heads[text(i, "document_id")] = document(i)
			}
		}
		if keys = out.UnprocessedKeys[t.name].Keys; len(keys) == 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func has(m, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, ok := m[k]; !ok || got != v {
			return false
		}
	}
	return true
}
