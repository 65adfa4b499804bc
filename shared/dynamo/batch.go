package dynamo

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"ragtime/shared/attempt"
	"ragtime/shared/fault"
)

const (
	maxBatch   = 25 // items a BatchWriteItem
	concurrent = 4  // BatchWriteItem calls under way at once
)

// errUnprocessed is how a batch is throttled: some of it was left undone. Another
// attempt asks for that.
var errUnprocessed = fault.New(fault.RateLimited, "dynamodb: throttled (a part of a batch was left unprocessed)")

// batch makes the writes in any order, 25 at a time.
func (t *Table) batch(ctx context.Context, writes []types.WriteRequest) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrent)
	for from := 0; from < len(writes); from += maxBatch {
		some := writes[from:min(from+maxBatch, len(writes))]
		g.Go(func() error { return t.writeAll(ctx, t.batches, some) })
	}
	return g.Wait()
}

// writeAll writes up to 25 items, and what DynamoDB hands back as unprocessed
// with the next attempt.
func (t *Table) writeAll(ctx context.Context, p *attempt.Policy, writes []types.WriteRequest) error {
	left := newRemainder(writes, keyOfWrite)
	_, err := call(ctx, p, func(ctx context.Context) (struct{}, error) {
		asked := left.all()
		if len(asked) == 0 { // another attempt did the rest
			return struct{}{}, nil
		}
		out, err := t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{t.name: asked}})
		if err != nil {
			return struct{}{}, err
		}
		if out.UnprocessedItems == nil {
			return struct{}{}, unbelievable("which items it left unprocessed")
		}
		return struct{}{}, left.done(asked, out.UnprocessedItems[t.name])
	})
	return err
}

// get reads document items, up to 100; those that are not there are left out.
func (t *Table) get(ctx context.Context, keys []item) ([]item, error) {
	var mu sync.Mutex
	var found []item
	left := newRemainder(keys, keyOf)
	_, err := call(ctx, t.pages, func(ctx context.Context) (struct{}, error) {
		asked := left.all()
		if len(asked) == 0 {
			return struct{}{}, nil
		}
		out, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			t.name: {Keys: asked, ConsistentRead: aws.Bool(true)}}})
		if err != nil {
			return struct{}{}, err
		}
		if out.Responses == nil || out.UnprocessedKeys == nil {
			return struct{}{}, unbelievable("items")
		}
		mu.Lock()
		defer mu.Unlock()
		found = append(found, out.Responses[t.name]...)
		return struct{}{}, left.done(asked, out.UnprocessedKeys[t.name].Keys)
	})
	return found, err
}

// remainder is what of a batch is still to be done, whichever attempts did the
// rest. Safe for concurrent use.
type remainder[T any] struct {
	key func(T) string

	mu   sync.Mutex
	todo map[string]T
}

func newRemainder[T any](all []T, key func(T) string) *remainder[T] {
	r := &remainder[T]{key: key, todo: map[string]T{}}
	for _, x := range all {
		r.todo[key(x)] = x
	}
	return r
}

func (r *remainder[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]T, 0, len(r.todo))
	for _, x := range r.todo {
		out = append(out, x)
	}
	return out
}

// done notes that what was asked for is done but for the unprocessed.
func (r *remainder[T]) done(asked, unprocessed []T) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	back := map[string]bool{}
	for _, x := range unprocessed {
		back[r.key(x)] = true
	}
	for _, x := range asked {
		if k := r.key(x); !back[k] {
			delete(r.todo, k)
		}
	}
	if len(back) > 0 {
		return errUnprocessed
	}
	return nil
}

func keyOf(i item) string { return text(i, "pk") + "\x00" + text(i, "sk") }

func keyOfWrite(w types.WriteRequest) string {
	if w.PutRequest != nil {
		return keyOf(w.PutRequest.Item)
	}
	return keyOf(w.DeleteRequest.Key)
}
