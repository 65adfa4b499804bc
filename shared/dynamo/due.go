package dynamo

import (
	"context"
	"fmt"
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

// entry has the document looked at once more at the time due, in Unix seconds.
// By then no request of the put or delete that the version is of can take effect.
type entry struct {
	due         int64
	version, id string
}

func (e entry) key(tenant string) item {
	return item{"pk": str("sweep#" + tenant), "sk": str(fmt.Sprintf("%010d#%s#%s", e.due, e.version, e.id))}
}

func entryOf(sk string) (e entry, ok bool) {
	parts := strings.SplitN(sk, "#", 3)
	if len(parts) != 3 {
		return entry{}, false
	}
	due, err := strconv.ParseInt(parts[0], 10, 64)
	return entry{due, parts[1], parts[2]}, err == nil
}

// enter writes the entry. It comes before the first write that it is about.
func (t *Table) enter(ctx context.Context, tenant string, e entry) error {
	return t.writeAll(ctx, t.updates, []types.WriteRequest{{PutRequest: &types.PutRequest{Item: e.key(tenant)}}})
}

// cross takes the entry out: nothing of it is left, and nothing can come.
func (t *Table) cross(ctx context.Context, tenant string, e entry) error {
	return t.writeAll(ctx, t.updates, []types.WriteRequest{{DeleteRequest: &types.DeleteRequest{Key: e.key(tenant)}}})
}

// settleDue settles a few of the entries that are due, in the time of a sweep
// and an eighth of the time left at the most. What fails is left for the next one.
func (t *Table) settleDue(ctx context.Context, tenant string) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	out, err := call(ctx, t.pages, func(ctx context.Context) (*dynamodb.QueryOutput, error) {
		out, err := t.client.Query(ctx, &dynamodb.QueryInput{TableName: &t.name, Limit: aws.Int32(dueSeen),
			KeyConditionExpression:    aws.String("#pk = :pk AND #sk < :now"),
			ExpressionAttributeNames:  map[string]string{"#pk": "pk", "#sk": "sk"},
			ExpressionAttributeValues: item{":pk": str("sweep#" + tenant), ":now": str(fmt.Sprintf("%010d", time.Now().Unix()))}})
		if err == nil && out.Items == nil {
			err = unbelievable("items")
		}
		return out, err
	})
	if err == nil {
		rand.Shuffle(len(out.Items), func(i, j int) { out.Items[i], out.Items[j] = out.Items[j], out.Items[i] })
		for _, i := range out.Items[:min(dueAtOnce, len(out.Items))] {
			if e, ok := entryOf(text(i, "sk")); ok && err == nil {
				err = t.settle(ctx, tenant, e)
			}
		}
	}
	if err != nil {
		slog.WarnContext(ctx, "what is due is left for a later read or write", "error", fault.From(err).Detail)
	}
}

// settle ends what the entry is about: its version is current, or never will be,
// and then has no chunks.
func (t *Table) settle(ctx context.Context, tenant string, e entry) error {
	s, err := t.state(ctx, tenant, e.id)
	if err != nil {
		return err
	}
	if s.item[putMark+e.version] != nil && e.version > s.version() {
		c := newChange(tenant, e.id)
		c.drop(putMark + e.version)
		c.assign(outMark+e.version, num(e.due)) // so that it stays dead if the sweep fails
		s, err = t.update(ctx, c.when(c.before(e.version), c.has(putMark+e.version)))
		if f := fault.From(err); f != nil && f.Kind != fault.Conflict {
			return err
		}
	}
	done, err := t.sweep(ctx, tenant, e.id, s, e.version)
	if err != nil || !done && s.item != nil { // another put or delete was quicker: the entry is due still
		return err
	}
	return t.cross(ctx, tenant, e)
}

// briefly is a context for what is no part of an answer: repairs and sweeps.
func briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := sweepTime
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)/8)
	}
	return context.WithTimeoutCause(ctx, limit, fault.New(fault.Timeout, "repairs take little of an operation's time"))
}
