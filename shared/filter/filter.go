// Package filter says which documents a search may find.
//
// A filter is a JSON object. A document must meet all of its members:
//
//	{"collection": "law", "metadata": {"year": {"gte": 2020, "lt": 2026}, "lang": "de"},
//	 "or": [{"metadata": {"court": {"prefix": "BGH"}}}, {"not": {"metadata": {"draft": {"eq": true}}}}]}
//
// document_id and collection may be in the outermost filter only. metadata has, by key,
// the value that the document must have, or an object of operators that must all hold.
// "and" and "or" have a list of filters, "not" has one filter.
//
// Types never mix: 1 is not "1", and values of two types are neither equal nor ordered.
// "ne" and "not" are exact negations, so they also hold where a document lacks the key.
package filter

import (
	"slices"

	"ragtime/shared/metadata"
)

// The limits of a filter.
const (
	MaxDepth    = 5  // of nested filters, the outermost included
	MaxOperands = 64 // values to compare with, in the whole filter
)

// Filter is a filter. The zero value matches all documents. DocumentID and Collection are
// the outermost filter's; "" matches any.
type Filter struct {
	DocumentID string
	Collection string
	conditions allOf
}

// Match tells whether a document's metadata meets the filter. It ignores DocumentID and
// Collection.
func (f Filter) Match(m metadata.Map) bool { return f.conditions.match(m) }

// Inline returns the part of the filter that an index can compare: the values that the given
// keys must have. Every document that matches has these values. more tells that a document
// may have them and not match.
func (f Filter) Inline(keys []string) (values metadata.Map, more bool) {
	values = metadata.Map{}
	more = f.conditions.inline(keys, values)
	return values, more
}

// condition is a part of a filter.
type condition interface{ match(metadata.Map) bool }

type (
	// allOf holds where each of its conditions does.
	allOf []condition
	// anyOf holds where at least one of its conditions does.
	anyOf []condition
	// not holds where its condition does not.
	not struct{ condition }
)

func (a allOf) match(m metadata.Map) bool {
	return !slices.ContainsFunc(a, func(c condition) bool { return !c.match(m) })
}

func (s anyOf) match(m metadata.Map) bool {
	return slices.ContainsFunc(s, func(c condition) bool { return c.match(m) })
}

func (n not) match(m metadata.Map) bool { return !n.condition.match(m) }

// inline adds to values: see Filter.Inline.
func (a allOf) inline(keys []string, values metadata.Map) (more bool) {
	for _, c := range a {
		switch c := c.(type) {
		case allOf:
			more = c.inline(keys, values) || more
		case comparison:
			old, taken := values[c.key]
			switch {
			case c.operator != "eq" || !slices.Contains(keys, c.key) || taken && old != c.operands[0]:
				more = true
			default:
				values[c.key] = c.operands[0]
			}
		default:
			more = true
		}
	}
	return more
}
