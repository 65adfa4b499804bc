package dynamo

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// change is an UpdateItem of a document item while it is put together.
type change struct {
	key     item
	sets    []string
	removes []string
	names   map[string]string
	values  item
}

func newChange(tenant, id string) *change {
	return &change{key: documentKey(tenant, id), names: map[string]string{}, values: item{}}
}

// name is the placeholder of an attribute's name.
func (c *change) name(attribute string) string {
	for placeholder, a := range c.names {
		if a == attribute {
			return placeholder
		}
	}
	placeholder := fmt.Sprintf("#%d", len(c.names))
	c.names[placeholder] = attribute
	return placeholder
}

// value is the placeholder of a value.
func (c *change) value(v types.AttributeValue) string {
	placeholder := fmt.Sprintf(":%d", len(c.values))
	c.values[placeholder] = v
	return placeholder
}

func (c *change) assign(attribute string, v types.AttributeValue) {
	c.sets = append(c.sets, c.name(attribute)+" = "+c.value(v))
}

// assignOr sets an attribute to what another has until now, or to the value where
// that is not there.
func (c *change) assignOr(attribute, other string, v types.AttributeValue) {
	c.sets = append(c.sets, fmt.Sprintf("%s = if_not_exists(%s, %s)", c.name(attribute), c.name(other), c.value(v)))
}

// replace makes the version that of the item, and notes which one it has replaced.
func (c *change) replace(version string) {
	c.assignOr("replaced", "version", str(""))
	c.assign("version", str(version))
}

func (c *change) drop(attributes ...string) {
	for _, a := range attributes {
		c.removes = append(c.removes, c.name(a))
	}
}

// when makes the request, which is done only where all conditions hold.
func (c *change) when(conditions ...string) *dynamodb.UpdateItemInput {
	var update []string
	if len(c.sets) > 0 {
		update = append(update, "SET "+strings.Join(c.sets, ", "))
	}
	if len(c.removes) > 0 {
		update = append(update, "REMOVE "+strings.Join(c.removes, ", "))
	}
	in := &dynamodb.UpdateItemInput{Key: c.key, UpdateExpression: aws.String(strings.Join(update, " ")),
		ConditionExpression: aws.String("(" + strings.Join(conditions, ") AND (") + ")"), ExpressionAttributeNames: c.names}
	if len(c.values) > 0 {
		in.ExpressionAttributeValues = c.values
	}
	return in
}

// before is the condition that no version as late as the given one is current or
// was deleted.
func (c *change) before(version string) string {
	n := c.name("version")
	return fmt.Sprintf("attribute_not_exists(%s) OR %s < %s", n, n, c.value(str(version)))
}

// has is the condition that an attribute is there, lacks that it is not.
func (c *change) has(attribute string) string { return "attribute_exists(" + c.name(attribute) + ")" }

func (c *change) lacks(attribute string) string {
	return "attribute_not_exists(" + c.name(attribute) + ")"
}
