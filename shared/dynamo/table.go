// Package dynamo is rag's Store over one DynamoDB table with a vector index.
//
//	item      partition key  sort key
//	document  tenant         doc#<document_id>
//	chunk     tenant         chunk#<document_id>#<version>#<n>
//
// A document is replaced in three moves: the new version's chunks are written,
// the document item is switched to that version in one conditional write, the
// older versions' chunks are deleted. A crash between any two writes leaves the
// old or the new document whole: a chunk counts only while its version is the
// document item's. Left-over chunks are swept by the next write or delete.
//
// A delete leaves a tombstone for a day, so that a replacement under way when
// the document was deleted cannot bring it back with half of its chunks.
package dynamo

import (
	"cmp"
	"context"
	"fmt"

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

	// Repeating a write is safe: a put or delete of the same item changes nothing
	// the second time, and switchTo knows its own.
	reads, searches, writes *attempt.Policy
}

var _ rag.Store = (*Table)(nil)

// New makes a Table. The config's HTTP client and credentials are used as they
// are, its retries are not: attempt decides.
func New(cfg aws.Config, name string) *Table {
	return &Table{name: name,
		reads: attempt.New(attempt.Options{}), searches: attempt.New(attempt.Options{}), writes: attempt.New(attempt.Options{}),
		client: dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
			o.Retryer = aws.NopRetryer{}
		})}
}

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

// classify makes a fault of the SDK's error. A failed condition is a Conflict;
// callers that mean something else by it say so.
func classify(err error) error {
	code := awsfault.Code(err)
	f := &fault.Error{Kind: fault.Upstream, Detail: "dynamodb: " + code, Cause: err}
	switch {
	case code == "ConditionalCheckFailedException":
		f.Kind, f.Detail = fault.Conflict, "overtaken by another write"
	case awsfault.Throttled(err):
		f.Kind, f.Detail = fault.Unavailable, "dynamodb: throttled ("+code+")"
		f.RetryAfter = awsfault.RetryAfter(err)
	case awsfault.Passing(err):
		f.Kind, f.Detail = fault.Unavailable, "dynamodb: it is failing ("+cmp.Or(code, "an answer that cannot be read")+")"
		f.RetryAfter = awsfault.RetryAfter(err)
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

func documentKey(tenant, id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"tenant": str(tenant), "sk": str("doc#" + id)}
}

func chunkPrefix(id string) string { return "chunk#" + id + "#" }

func chunkKey(tenant, id, version string, n int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"tenant": str(tenant), "sk": str(fmt.Sprintf("%s%s#%06d", chunkPrefix(id), version, n))}
}

// head is the document item, a tombstone included; nil where there is none.
func (t *Table) head(ctx context.Context, tenant, id string) (item, error) {
	out, err := call(ctx, t.reads, func(ctx context.Context) (*dynamodb.GetItemOutput, error) {
		return t.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &t.name, Key: documentKey(tenant, id), ConsistentRead: aws.Bool(true)})
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// query walks all pages of a query.
func (t *Table) query(ctx context.Context, in *dynamodb.QueryInput, each func(item) error) error {
	in.TableName = &t.name
	for {
		out, err := call(ctx, t.reads, func(ctx context.Context) (*dynamodb.QueryOutput, error) { return t.client.Query(ctx, in) })
		if err != nil {
			return err
		}
		for _, i := range out.Items {
			if err := each(i); err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
