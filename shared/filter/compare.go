package filter

import (
	"slices"
	"strings"

	"ragtime/shared/metadata"
)

// comparison compares a document's value with operands.
type comparison struct {
	key      string
	operator string           // a key of operators
	operands []metadata.Value // one or more of "in", one of all others
}

func (c comparison) match(m metadata.Map) bool {
	v, present := m[c.key]
	return operators[c.operator].holds(v, present, c.operands)
}

// operator says what an operator takes and means. Where a document lacks the key, present is
// false and v is the zero value.
type operator struct {
	operand operandType
	holds   test
}

// operandType says what an operand must be.
type operandType int

const (
	valueOperand   operandType = iota // any value
	listOperand                       // a list of values
	orderedOperand                    // a string or a number
	stringOperand
	booleanOperand
)

// test tells whether a document's value, if it is present, meets an operator.
type test func(v metadata.Value, present bool, operands []metadata.Value) bool

var operators = map[string]operator{
	"eq":     {valueOperand, equal},
	"ne":     {valueOperand, notEqual},
	"in":     {listOperand, equal},
	"lt":     {orderedOperand, order(func(n int) bool { return n < 0 })},
	"lte":    {orderedOperand, order(func(n int) bool { return n <= 0 })},
	"gt":     {orderedOperand, order(func(n int) bool { return n > 0 })},
	"gte":    {orderedOperand, order(func(n int) bool { return n >= 0 })},
	"exists": {booleanOperand, exists},
	"prefix": {stringOperand, hasPrefix},
}

func equal(v metadata.Value, present bool, operands []metadata.Value) bool {
	return present && slices.Contains(operands, v)
}

func notEqual(v metadata.Value, present bool, operands []metadata.Value) bool {
	return !equal(v, present, operands)
}

func exists(_ metadata.Value, present bool, operands []metadata.Value) bool {
	return present == operands[0].Bool()
}

func hasPrefix(v metadata.Value, present bool, operands []metadata.Value) bool {
	return present && v.Kind() == metadata.Text && strings.HasPrefix(v.Text(), operands[0].Text())
}

// order is the test of an operator that takes the result of Value.Compare.
func order(holds func(int) bool) test {
	return func(v metadata.Value, present bool, operands []metadata.Value) bool {
		n, comparable := v.Compare(operands[0])
		return present && comparable && holds(n)
	}
}
