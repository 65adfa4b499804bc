package dynamo

import "strings"

// condition is a parsed ConditionExpression, FilterExpression,
// KeyConditionExpression or SearchConditionExpression.
type condition interface {
	// test reports whether it meets the condition.
	test(it item) bool
}

type (
	both   struct{ left, right condition }
	either struct{ left, right condition }
	not    struct{ of condition }

	comparison struct {
		op          string // = <> < <= > >=
		left, right operand
	}
	between   struct{ x, low, high operand }
	predicate struct {
		name string // attribute_exists, begins_with, ...
		args []operand
	}
)

// operand is one side of a comparison.
type operand interface {
	// in is what the operand stands for in it; ok is false if that is nothing,
	// as for an absent attribute.
	in(it item) (v value, ok bool)
}

// attribute is the name of one, not nested.
type attribute string

func (a attribute) in(it item) (value, bool) {
	v, ok := it[string(a)]
	return v, ok
}

func (v value) in(item) (value, bool) { return v, true }

func (c both) test(it item) bool   { return c.left.test(it) && c.right.test(it) }
func (c either) test(it item) bool { return c.left.test(it) || c.right.test(it) }
func (c not) test(it item) bool    { return !c.of.test(it) }

func (c comparison) test(it item) bool {
	left, hasLeft := c.left.in(it)
	right, hasRight := c.right.in(it)
	known := hasLeft && hasRight
	switch c.op {
	case "=":
		return known && left.equal(right)
	case "<>":
		return !known || !left.equal(right)
	}
	order, ok := left.compare(right)
	return known && ok && holds(c.op, order)
}

// holds reports whether a comparison that came out as order satisfies op.
func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	}
	return false
}

func (c between) test(it item) bool {
	return comparison{">=", c.x, c.low}.test(it) && comparison{"<=", c.x, c.high}.test(it)
}

func (c predicate) test(it item) bool {
	v, ok := c.args[0].in(it)
	switch c.name {
	case "attribute_exists":
		return ok
	case "attribute_not_exists":
		return !ok
	}
	w, has := c.args[1].in(it)
	if !ok || !has {
		return false
	}
	return v.kind == kindS && w.kind == kindS && strings.HasPrefix(v.text, w.text) // begins_with
}
