package dynamo

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"ragtime/shared/fault"
)

// space is the embedding space of a table's vectors. The first writer makes the
// item that says it, and whoever embeds in another space is refused: such vectors
// do not compare, which no search would show. Safe for concurrent use.
type space struct {
	name  string
	known atomic.Bool // the table's is this one, which does not change
}

// spaceKey is the item's. No tenant's name has a #.
func spaceKey() item { return item{"pk": str("#space"), "sk": str("#space")} }

// In makes the table one of vectors in the named space, of which it returns a
// Conflict wherever it finds another. Without it nothing is checked.
func (t *Table) In(name string) *Table {
	t.space.name = name
	return t
}

// claimSpace makes the table's space this one if it has none yet.
func (t *Table) claimSpace(ctx context.Context) error {
	found, err := t.findSpace(ctx)
	if err != nil || found != "" || t.space.name == "" {
		return t.sameSpace(found, err)
	}
	mine := spaceKey()
	mine["space"] = str(t.space.name)
	_, err = call(ctx, t.updates, func(ctx context.Context) (*dynamodb.PutItemOutput, error) {
		out, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: mine,
			ConditionExpression:                 aws.String("attribute_not_exists(#pk)"),
			ExpressionAttributeNames:            map[string]string{"#pk": "pk"},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal})
		if err == nil && out.ConsumedCapacity == nil {
			err = unbelievable("what it consumed")
		}
		return out, err
	})
	// Another writer was quicker, or an attempt of this one whose answer was lost.
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return t.sameSpace(text(failed.Item, "space"), nil)
	}
	return t.sameSpace(t.space.name, err)
}

// checkSpace refuses a table of another space; one that has none yet is fine.
func (t *Table) checkSpace(ctx context.Context) error {
	return t.sameSpace(t.findSpace(ctx))
}

// findSpace is the table's space; "" where it has none yet, or nobody asks.
func (t *Table) findSpace(ctx context.Context) (string, error) {
	if t.space.name == "" || t.space.known.Load() {
		return t.space.name, nil
	}
	out, err := call(ctx, t.gets, func(ctx context.Context) (*dynamodb.GetItemOutput, error) {
		out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: spaceKey(), ConsistentRead: aws.Bool(true),
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err == nil && out.ConsumedCapacity == nil {
			err = unbelievable("what it consumed")
		}
		return out, err
	})
	if err != nil {
		return "", err
	}
	return text(out.Item, "space"), nil
}

func (t *Table) sameSpace(found string, err error) error {
	switch {
	case err != nil || found == "":
		return err
	case found != t.space.name:
		return fault.New(fault.Conflict, "the documents here are embedded as %s, and this function embeds as %s: such vectors do not compare. "+
			"Set provider, model and dimensions back, or put every document again into a new table (on your machine: a new data folder)", found, t.space.name)
	}
	t.space.known.Store(true)
	return nil
}
