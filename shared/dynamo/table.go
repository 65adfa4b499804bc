// Package dynamo is rag's Store over one DynamoDB table with a vector index.
//
//	item      pk                             sk
//	document  doc#<tenant>                   <document_id>
//	chunk     chunk#<tenant>#<document_id>   <version>#<n>
//	entry     sweep#<n>                      <due>#<version>#<tenant>#<document_id>
//
// Chunks spread over as many partitions as there are documents. A chunk's
// attribute tenant is the vector index's HASH.
//
// A put marks its version as under way in the document item, writes the
// version's chunks, and makes the version current in one conditional update of
// that item. A chunk counts only while its version is current, so a crash
// between any two writes leaves the old or the new document whole. docs/design.md
// has the protocol: the states of a document, who may do what in each, and why
// nothing is lost or left over.
package dynamo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/attempt"
	"ragtime/shared/awsfault"
	"ragtime/shared/fault"
	"ragtime/shared/rag"
	"ragtime/shared/wire"
)

// Index is the name of the table's vector index.
const Index = "passages"

// Table is a rag.Store. Safe for concurrent use.
type Table struct {
	client *dynamodb.Client
	name   string
	space  space
	inline inline

	// One policy for each kind of call whose latencies compare: one item, a page or
	// batch of them, a search. Repeating a write is safe: writing or deleting a chunk
	// changes nothing the second time, and a conditional update knows its own.
	gets, pages, searches, updates, batches *attempt.Policy
}

var _ rag.Store = (*Table)(nil)

// New makes a Table. The config's HTTP client and credentials are used as they
// are, its retries are not: attempt decides.
func New(cfg aws.Config, name string) *Table {
	policy := func() *attempt.Policy { return attempt.New(attempt.Options{Patient: true}) }
	return &Table{name: name, gets: policy(), pages: policy(), searches: policy(), updates: policy(), batches: policy(),
		client: dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
			o.Retryer = aws.NopRetryer{}
		})}
}

// indexSoon is when to ask for the index again: it takes minutes to be made.
const indexSoon = 30 * time.Second

// call makes attempts of one request to DynamoDB.
func call[T any](ctx context.Context, p *attempt.Policy, f func(context.Context) (T, error)) (T, error) {
	return attempt.Do(ctx, p, func(ctx context.Context) (T, error) {
		v, err := f(ctx)
		if err != nil {
			err = classify(err)
		}
		return v, err
	})
}

// classify makes a fault of the SDK's error, unless it is one. A failed condition is a Conflict;
// callers that mean something else by it say so.
func classify(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	code := awsfault.Code(err)
	f := &fault.Error{Kind: fault.Upstream, Detail: "dynamodb: " + code, Cause: err}
	switch {
	case code == "ConditionalCheckFailedException":
		f.Kind, f.Detail = fault.Conflict, "overtaken by another write"
	case awsfault.Throttled(err):
		f.Kind, f.Detail = fault.RateLimited, "dynamodb: throttled ("+cmp.Or(code, "429")+")"
		f.RetryAfter = awsfault.RetryAfter(err)
	case awsfault.Retryable(err):
		f.Kind, f.Detail = fault.Unavailable, "dynamodb: it is failing ("+cmp.Or(code, "an answer that cannot be read")+")"
		f.RetryAfter = awsfault.RetryAfter(err)
	case strings.Contains(err.Error(), "does not have the specified index"), strings.Contains(err.Error(), "Cannot search backfilling vector index"):
		// So it is for a while after the table was made, even when the index is active.
		f.Kind, f.Detail, f.RetryAfter = fault.Unavailable, "dynamodb: the vector index "+Index+" is not there, or not yet", indexSoon
	case strings.Contains(err.Error(), "Attribute is not in the SearchSchema"):
		f.Detail = "dynamodb: the vector index " + Index + " has no inline filter for a key of RAGTIME_FILTER_KEYS: make the table as template.yaml has it"
	case code == "ResourceNotFoundException":
		f.Detail = "dynamodb: no such table; check RAGTIME_TABLE and the region"
	case code == "AccessDeniedException":
		f.Detail = "dynamodb: access denied; check the function's policies"
	case code == "":
		if f := wire.Classify("dynamodb", err); f != nil {
			return f
		}
		f.Detail = "dynamodb: the answer cannot be read"
	}
	return f
}

// unbelievable is the fault for a 200 that lacks what every such answer has: an
// empty one from something in between says nothing of what was done.
func unbelievable(what string) error {
	return fault.New(fault.Unavailable, "dynamodb: it answered without %s", what)
}

func documentKey(tenant, id string) item {
	return item{"pk": str("doc#" + tenant), "sk": str(id)}
}

func chunkPartition(tenant, id string) string { return "chunk#" + tenant + "#" + id }

func chunkKey(tenant, id, version string, n int) item {
	return item{"pk": str(chunkPartition(tenant, id)), "sk": str(fmt.Sprintf("%s#%06d", version, n))}
}

// state reads the document item.
func (t *Table) state(ctx context.Context, tenant, id string) (state, error) {
	out, err := call(ctx, t.gets, func(ctx context.Context) (*dynamodb.GetItemOutput, error) {
		out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: documentKey(tenant, id),
			ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err == nil && out.ConsumedCapacity == nil { // an item that is not there is an empty answer too
			err = unbelievable("what it consumed")
		}
		return out, err
	})
	if err != nil {
		return state{}, err
	}
	return state{out.Item}, nil
}

// update makes one conditional change of a document item, and gives the item as
// it is then. A condition that fails is a Conflict whose state is the item as it
// was found.
func (t *Table) update(ctx context.Context, in *dynamodb.UpdateItemInput) (state, error) {
	in.TableName = &t.name
	in.ReturnValues = types.ReturnValueAllNew
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	out, err := call(ctx, t.updates, func(ctx context.Context) (*dynamodb.UpdateItemOutput, error) {
		out, err := t.client.UpdateItem(ctx, in)
		if err == nil && len(out.Attributes) == 0 {
			err = unbelievable("the item")
		}
		return out, err
	})
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return state{failed.Item}, err
	}
	if err != nil {
		return state{}, err
	}
	return state{out.Attributes}, nil
}

// query walks the pages of a query until each returns false.
func (t *Table) query(ctx context.Context, in *dynamodb.QueryInput, each func(item) (more bool, err error)) error {
	in.TableName = &t.name
	for {
		out, err := call(ctx, t.pages, func(ctx context.Context) (*dynamodb.QueryOutput, error) {
			out, err := t.client.Query(ctx, in)
			if err == nil && out.Items == nil {
				err = unbelievable("items")
			}
			return out, err
		})
		if err != nil {
			return err
		}
		for _, i := range out.Items {
			if more, err := each(i); err != nil || !more {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
