package filter

import (
	"slices"
	"strings"

	"ragtime/shared/metadata"
)

// comparison holds where the operator does of a document's value and the operands:
// one or more of "in", one of all others.
type comparison struct {
	key      string
	operator string
	operands []metadata.Value
}

func (c comparison) match(m metadata.Map) bool {
	v, present := m[c.key]
	return operators[c.operator].holds(v, present, c.operands)
}

// operator is what an operator means. Where the document lacks the key, there is
// false and v is nothing.
type operator struct {
	operand operandType
	holds   func(v metadata.Value, present bool, operands []metadata.Value) bool
}

// operandType says what the operand must be.
type operandType int

const (
	valueOperand   operandType = iota
	listOperand                // of values
	orderedOperand             // a string or a number
	stringOperand              //
	booleanOperand             //
)

var operators = map[string]operator{
	"eq":     {valueOperand, equal},
	"ne":     {valueOperand, func(v metadata.Value, present bool, w []metadata.Value) bool { return !equal(v, present, w) }},
	"in":     {listOperand, equal},
	"lt":     {orderedOperand, order(func(n int) bool { return n < 0 })},
	"lte":    {orderedOperand, order(func(n int) bool { return n <= 0 })},
	"gt":     {orderedOperand, order(func(n int) bool { return n > 0 })},
	"gte":    {orderedOperand, order(func(n int) bool { return n >= 0 })},
	"exists": {booleanOperand, func(_ metadata.Value, present bool, w []metadata.Value) bool { return present == w[0].Bool() }},
	"prefix": {stringOperand, func(v metadata.Value, present bool, w []metadata.Value) bool {
		return present && v.Kind() == metadata.Text && strings.HasPrefix(v.Text(), w[0].Text())
	}},
}

func equal(v metadata.Value, present bool, operands []metadata.Value) bool {
	return present && slices.Contains(operands, v)
}

func order(holds func(int) bool) func(metadata.Value, bool, []metadata.Value) bool {
	return func(v metadata.Value, present bool, operands []metadata.Value) bool {
		n, comparable := v.Compare(operands[0])
		return present && comparable && holds(n)
	}
}
