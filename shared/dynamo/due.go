package dynamo

import (
	"context"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
)

const (
	// dueAtOnce is how many entries a put, delete or list settles: more than it adds.
	dueAtOnce = 2
	// dueSeen is from how many it chooses, so that those at once do not all take the same.
	dueSeen = 16
)

// DuePartitions is over how many partition keys the entries are spread: each put
// writes one and takes it out again, and one key takes 1,000 writes a second.
const DuePartitions = 8

func duePartition(n int) types.AttributeValue { return str(fmt.Sprintf("sweep#%d", n)) }

// entry has the document looked at once more at the time due, in Unix seconds.
// By then no request of the put or delete that the version is of can take effect.
type entry struct {
	due                 int64
	version, tenant, id string
}

func (e entry) key() item {
	sk := fmt.Sprintf("%010d#%s#%s#%s", e.due, e.version, e.tenant, e.id)
	return item{"pk": duePartition(int(crc32.ChecksumIEEE([]byte(sk)) % DuePartitions)), "sk": str(sk)}
}

// entryOf reads a key; no part of one has a #.
func entryOf(sk string) (e entry, ok bool) {
	parts := strings.Split(sk, "#")
	if len(parts) != 4 {
		return entry{}, false
	}
	due, err := strconv.ParseInt(parts[0], 10, 64)
	return entry{due, parts[1], parts[2], parts[3]}, err == nil
}

// enter writes the entry. It comes before the first write that it is about.
func (t *Table) enter(ctx context.Context, e entry) error {
	return t.writeAll(ctx, t.updates, []types.WriteRequest{{PutRequest: &types.PutRequest{Item: e.key()}}})
}

// cross takes the entry out: nothing of it is left, and nothing can come.
func (t *Table) cross(ctx context.Context, e entry) error {
	return t.writeAll(ctx, t.updates, []types.WriteRequest{{DeleteRequest: &types.DeleteRequest{Key: e.key()}}})
}

// settleDue settles a few of the entries that are due, in the time of a sweep
// and an eighth of the time left at the most. What fails is left for the next one.
// Whose they are is all the same: who never comes back has others settle his.
func (t *Table) settleDue(ctx context.Context) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	partition := duePartition(rand.N(DuePartitions))
	out, err := call(ctx, t.pages, func(ctx context.Context) (*dynamodb.QueryOutput, error) {
		out, err := t.client.Query(ctx, &dynamodb.QueryInput{TableName: &t.name, Limit: aws.Int32(dueSeen),
			KeyConditionExpression:    aws.String("#pk = :pk AND #sk < :now"),
			ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#sk": "sk"},
			ExpressionAttributeValues: item{":pk": partition, ":now": str(fmt.Sprintf("%010d", time.Now().Unix()))}})
		if err == nil && out.Items == nil {
			err = unbelievable("items")
		}
		return out, err
	})
	if err == nil {
		rand.Shuffle(len(out.Items), func(i, j int) { out.Items[i], out.Items[j] = out.Items[j], out.Items[i] })
		for _, i := range out.Items[:min(dueAtOnce, len(out.Items))] {
			if e, ok := entryOf(text(i, "sk")); ok && err == nil {
				err = t.settle(ctx, e)
			}
		}
	}
	if err != nil {
		slog.WarnContext(ctx, "what is due is left for a later read or write", "error", fault.From(err).Detail)
	}
}

// settle ends what the entry is about: its version is current, or never will be,
// and then has no chunks.
func (t *Table) settle(ctx context.Context, e entry) error {
	s, err := t.state(ctx, e.tenant, e.id)
	if err == nil && s.item[putMark+e.version] != nil {
		s, err = t.putOut(ctx, e.tenant, e.id, e.version)
	}
	if err != nil {
		return err
	}
	if err := t.sweep(ctx, e.tenant, e.id, s, e.version); err != nil {
		return err
	}
	return t.cross(ctx, e)
}

// briefly is a context for what is no part of an answer: repairs and sweeps.
func briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := sweepTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/8)
	}
	return context.WithTimeoutCause(ctx, limit, fault.New(fault.Timeout, "repairs take little of an operation's time"))
}
