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
	v, there := m[c.key]
	return operators[c.operator].holds(v, there, c.operands)
}

// operator is what an operator means. Where the document lacks the key, there is
// false and v is nothing.
type operator struct {
	takes takes
	holds func(v metadata.Value, there bool, operands []metadata.Value) bool
}

// takes says what the operand must be.
type takes int

const (
	aValue   takes = iota
	aList          // of values
	ordered        // a string or a number
	aString        //
	aBoolean       //
)

var operators = map[string]operator{
	"eq":     {aValue, equal},
	"ne":     {aValue, func(v metadata.Value, there bool, w []metadata.Value) bool { return !equal(v, there, w) }},
	"in":     {aList, equal},
	"lt":     {ordered, order(func(n int) bool { return n < 0 })},
	"lte":    {ordered, order(func(n int) bool { return n <= 0 })},
	"gt":     {ordered, order(func(n int) bool { return n > 0 })},
	"gte":    {ordered, order(func(n int) bool { return n >= 0 })},
	"exists": {aBoolean, func(_ metadata.Value, there bool, w []metadata.Value) bool { return there == w[0].Bool() }},
	"prefix": {aString, func(v metadata.Value, there bool, w []metadata.Value) bool {
		return there && v.Kind() == metadata.Text && strings.HasPrefix(v.Text(), w[0].Text())
	}},
}

func equal(v metadata.Value, there bool, operands []metadata.Value) bool {
	return there && slices.Contains(operands, v)
}

func order(holds func(int) bool) func(metadata.Value, bool, []metadata.Value) bool {
	return func(v metadata.Value, there bool, operands []metadata.Value) bool {
		n, comparable := v.Compare(operands[0])
		return there && comparable && holds(n)
	}
}
