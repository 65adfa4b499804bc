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

// repair puts out versions whose put should have ended, and deletes the chunks of
// dead versions. It is bounded in time, and what it cannot do now is left.
func (t *Table) repair(ctx context.Context, tenant, id string, s state) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sweepTime, fault.New(fault.Timeout, "a sweep takes %.0f s at the most", sweepTime.Seconds()))
	defer cancel()
	for _, version := range s.lapsed(time.Now()) {
		var err error
		if s, err = t.putOut(ctx, tenant, id, version); err != nil {
			return err
		}
	}
	return t.sweep(ctx, tenant, id, s, "")
}

func warnOfLeftOvers(ctx context.Context, id string, err error) {
	slog.WarnContext(ctx, "old chunks are left for a later read or write to delete", "document_id", id, "error", fault.From(err).Detail)
}

// sweep deletes the chunks of the document's dead versions, and takes from the item
// what that has settled. A version that is over, if one is given, is one of which nothing
// can come any more.
func (t *Table) sweep(ctx context.Context, tenant, id string, s state, over string) error {
	now := time.Now()
	ranges := [][2]string{{"", "~"}}
	if s.status() == ready { // its own chunks need not be read
		ranges = [][2]string{{"", s.version()}, {s.version() + "~", "~"}}
	}
	var writes []types.WriteRequest
	collect := func(i item) (bool, error) {
		version, _, _ := strings.Cut(text(i, "sk"), "#")
		if s.of(version, now) == dead {
			writes = append(writes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: item{"pk": i["pk"], "sk": i["sk"]}}})
		}
		if len(writes) < maxBatch*concurrent {
			return true, nil
		}
		err := t.batch(ctx, writes) // before it reads on: where there are many, each sweep leaves fewer
		writes = nil
		return true, err
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
	return t.swept(ctx, tenant, id, s, over, now)
}

// swept takes from the item the marks that are settled, and has it expire if it
// tells of no document. Where it is another document's by now, or none's any more, whoever
// made it so has seen the marks, and takes them away or has an entry for that.
func (t *Table) swept(ctx context.Context, tenant, id string, s state, over string, now time.Time) error {
	c := newChange(tenant, id)
	for v := range s.marks(putMark) {
		if v <= s.version() {
			c.drop(putMark + v)
		}
	}
	for v, until := range s.marks(outMark) {
		if v <= s.version() || v == over || now.After(until) {
			c.drop(outMark + v)
		}
	}
	if (s.status() == begun || s.status() == deleted) && s.item["expires_at"] == nil {
		c.assign("expires_at", num(now.Add(tombstone).Unix()))
	}
	if len(c.removes)+len(c.sets) == 0 {
		return nil
	}
	_, err := t.update(ctx, c.when(c.name("status")+" = "+c.value(str(s.status()))))
	if f := fault.From(err); f != nil && f.Kind == fault.Conflict {
		return nil
	}
	return err
}
