package dynamo

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
)

// sweepAfterPut deletes what a put that is made left of earlier versions. It is
// invisible by now, and who comes later deletes what this leaves: so it takes a
// second at the most, and its failure fails nothing.
func (t *Table) sweepAfterPut(ctx context.Context, tenant, id string, before, after state) {
	if before.version() == "" && len(after.marks(putMark))+len(after.marks(outMark)) == 0 {
		return // it was the first, and alone
	}
	t.repair(ctx, tenant, id, after)
}

// repair does what is due for a document: puts out versions whose put should have
// ended, and deletes the chunks of dead versions. What it cannot do now is left.
func (t *Table) repair(ctx context.Context, tenant, id string, s state) {
	ctx, cancel := context.WithTimeoutCause(ctx, sweepTime, fault.New(fault.Timeout, "a sweep takes %.0f s at the most", sweepTime.Seconds()))
	defer cancel()
	var err error
	for _, version := range s.lapsed(time.Now()) {
		if _, out := t.putOut(ctx, tenant, id, version); !out {
			return // it was made after all, or nobody knows
		}
		if s, err = t.state(ctx, tenant, id); err != nil {
			break
		}
	}
	if err == nil {
		err = t.sweep(ctx, tenant, id, s)
	}
	if err != nil {
		slog.WarnContext(ctx, "old chunks are left for a later read or write to delete", "document_id", id, "error", fault.From(err).Detail)
	}
}

// sweep deletes the chunks of the document's dead versions, and notes that in
// the item if nothing can come after it.
func (t *Table) sweep(ctx context.Context, tenant, id string, s state) error {
	now := time.Now()
	first, after := "", ""
	if s.status() == ready {
		after = s.version() + "~" // sorts after its chunks, which need not be read
	}
	var writes []types.WriteRequest
	collect := func(i item) (bool, error) {
		version, _, _ := strings.Cut(text(i, "sk"), "#")
		if s.of(version, now) == dead {
			writes = append(writes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: item{"pk": i["pk"], "sk": i["sk"]}}})
		}
		return true, nil
	}
	ranges := [][2]string{{first, "~"}}
	if after != "" {
		ranges = [][2]string{{first, s.version()}, {after, "~"}}
	}
	for _, r := range ranges {
		err := t.query(ctx, &dynamodb.QueryInput{
			KeyConditionExpression:    aws.String("#pk = :pk AND #sk BETWEEN :first AND :last"),
			ProjectionExpression:      aws.String("#pk, #sk"),
			ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#sk": "sk"},
			ExpressionAttributeValues: item{":pk": str(chunkPartition(tenant, id)), ":first": str(r[0] + "#"), ":last": str(r[1])},
			ConsistentRead:            aws.Bool(true),
		}, collect)
		if err != nil {
			return err
		}
	}
	if err := t.batch(ctx, writes); err != nil {
		return err
	}
	return t.swept(ctx, tenant, id, s, now)
}

// swept takes from the item what a sweep has settled.
func (t *Table) swept(ctx context.Context, tenant, id string, s state, now time.Time) error {
	c := newChange(tenant, id)
	if s.due(now) {
		c.drop("sweep_at")
	}
	for v := range s.marks(putMark) {
		if v <= s.version() {
			c.drop(putMark + v)
		}
	}
	for v, until := range s.marks(outMark) {
		if v <= s.version() || now.After(until) {
			c.drop(outMark + v)
		}
	}
	if len(c.removes) == 0 {
		return nil
	}
	unchanged := c.lacks("sweep_at")
	if at, ok := s.item["sweep_at"]; ok {
		unchanged = c.name("sweep_at") + " = " + c.value(at)
	}
	_, err := t.update(ctx, c.when(unchanged, c.has("pk")))
	if f := fault.From(err); f != nil && f.Kind == fault.Conflict {
		return nil // somebody made new work for a sweep, and will see to it
	}
	return err
}
