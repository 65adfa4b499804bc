// Package filtertest makes random filters and documents. It has an evaluation of filters of
// its own, to compare package filter's with.
package filtertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
)

// Keys, and values in JSON. The first ones are picked most often, so that many documents
// match and many do not.
var (
	keys   = []string{"lang", "year", "draft", "and", "odd \"key\".[0]"}
	values = []string{`"de"`, `1`, `true`, `1.0`, `"den"`, `false`, `2026`, `10e-1`, `"1"`, `""`, `"true"`, `-1`, `2.5`, `"é"`, `"e\u0301"`,
		`9007199254740993`, `9007199254740992`, `0`, `-0.0`, `1e-100`, `1e100`}
)

func pick(r *rand.Rand, of []string) string { return of[r.IntN(1+r.IntN(len(of)))] }

// Document is the metadata of a document, as JSON.
func Document(r *rand.Rand) string {
	var members []string
	for _, k := range keys {
		if r.IntN(3) > 0 {
			members = append(members, quote(k)+":"+pick(r, values))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

// Filter is a filter of metadata, as JSON, within all limits.
func Filter(r *rand.Rand) string { return filter(r, 1+r.IntN(3)) }

func filter(r *rand.Rand, depth int) string {
	members := map[string]string{}
	if depth == 1 || r.IntN(3) == 0 {
		members["metadata"] = conditions(r)
	}
	for _, name := range []string{"and", "or", "not"} {
		if depth > 1 && (len(members) == 0 || r.IntN(5) == 0) {
			inner := filter(r, depth-1)
			if name != "not" {
				for range r.IntN(2) {
					inner += "," + filter(r, depth-1)
				}
				inner = "[" + inner + "]"
			}
			members[name] = inner
		}
	}
	return object(members)
}

func object(members map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(members)) {
		all = append(all, quote(k)+":"+members[k])
	}
	return "{" + strings.Join(all, ",") + "}"
}

func conditions(r *rand.Rand) string {
	members := map[string]string{}
	for range 1 + r.IntN(5)/4 {
		v := pick(r, values)
		if r.IntN(4) > 0 {
			v = operators(r)
		}
		members[pick(r, keys)] = v
	}
	return object(members)
}

func operators(r *rand.Rand) string {
	members := map[string]string{}
	for range 1 + r.IntN(5)/4 {
		v := pick(r, values)
		op := []string{"eq", "ne", "in", "lt", "lte", "gt", "gte", "exists", "prefix"}[r.IntN(9)]
		switch op {
		case "in":
			v = "[" + v + "," + pick(r, values) + "," + pick(r, values) + "]"
		case "exists":
			v = pick(r, []string{"true", "false"})
		case "prefix":
			v = pick(r, []string{`""`, `"d"`, `"de"`, `"e"`, `"1"`})
		case "lt", "lte", "gt", "gte":
			for v == "true" || v == "false" {
				v = pick(r, values)
			}
		}
		members[op] = v
	}
	return object(members)
}

// Matches tells whether a document's metadata meets a filter; both are JSON. It implements
// the documentation of package filter over what encoding/json decodes, without
// document_id and collection.
func Matches(filter, document string) bool {
	return matches(decode(filter).(map[string]any), decode(document).(map[string]any))
}

func decode(raw string) (v any) {
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

func matches(filter, document map[string]any) bool {
	for name, v := range filter {
		met := true
		switch name {
		case "metadata":
			for key, wanted := range v.(map[string]any) {
				ops, ok := wanted.(map[string]any)
				if !ok {
					ops = map[string]any{"eq": wanted}
				}
				for op, operand := range ops {
					got, there := document[key]
					met = met && holds(op, got, there, operand)
				}
			}
		case "and":
			for _, f := range v.([]any) {
				met = met && matches(f.(map[string]any), document)
			}
		case "or":
			met = false
			for _, f := range v.([]any) {
				met = met || matches(f.(map[string]any), document)
			}
		case "not":
			met = !matches(v.(map[string]any), document)
		}
		if !met {
			return false
		}
	}
	return true
}

func holds(op string, got any, there bool, operand any) bool {
	switch op {
	case "exists":
		return there == operand.(bool)
	case "ne":
		return !holds("eq", got, there, operand)
	case "in":
		for _, o := range operand.([]any) {
			if holds("eq", got, there, o) {
				return true
			}
		}
		return false
	case "prefix":
		s, ok := got.(string)
		return ok && strings.HasPrefix(s, operand.(string))
	}
	n, comparable := 0, false
	switch a := got.(type) {
	case string:
		if b, ok := operand.(string); ok {
			n, comparable = strings.Compare(a, b), true
		}
	case json.Number:
		if b, ok := operand.(json.Number); ok {
			n = rational(a).Cmp(rational(b))
			comparable = true
		}
	case bool:
		b, ok := operand.(bool)
		return ok && op == "eq" && a == b
	}
	return comparable && map[string]bool{"eq": n == 0, "lt": n < 0, "lte": n <= 0, "gt": n > 0, "gte": n >= 0}[op]
}

func rational(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		panic("no number: " + n.String())
	}
	return r
}
