package filter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
	"ragtime/shared/metadata"
)

// ReadExact implements exact.Reader. A fault names what is wrong by its path, such as
// filter.or[1].metadata.year.gte.
func (f *Filter) ReadExact(path string, raw json.RawMessage) error {
	r := reader{into: f}
	conditions, err := r.filter(path, raw, 1)
	f.conditions = conditions
	return err
}

// reader reads one filter, and those nested in it.
type reader struct {
	into     *Filter
	operands int // so far
}

func (r *reader) filter(path string, raw json.RawMessage, depth int) (allOf, error) {
	if depth > MaxDepth {
		return nil, fault.InvalidField(path, "must not be nested deeper than %d filters", MaxDepth)
	}
	members, err := object(path, raw)
	if err != nil {
		return nil, err
	}
	var out allOf
	for _, m := range members {
		at := exact.Path(path, m.Name)
		var c condition
		switch {
		case string(m.Raw) == "null" && isMember(m.Name):
			continue // as if it were absent
		case depth == 1 && m.Name == "document_id":
			err = readName(at, m.Raw, &r.into.DocumentID)
		case depth == 1 && m.Name == "collection":
			err = readName(at, m.Raw, &r.into.Collection)
		case m.Name == "metadata":
			c, err = r.metadata(at, m.Raw)
		case m.Name == "and" || m.Name == "or":
			c, err = r.list(at, m.Raw, depth, m.Name == "or")
		case m.Name == "not":
			var inner allOf
			inner, err = r.filter(at, m.Raw, depth+1)
			c = not{inner}
		case isMember(m.Name):
			err = fault.InvalidField(at, "is for the outermost filter only")
		default:
			err = fault.InvalidField(at, "is not a field of a filter: it has document_id, collection, metadata, and, or, not")
		}
		if err != nil {
			return nil, err
		}
		if inner, ok := c.(allOf); ok {
			out = append(out, inner...)
		} else if c != nil {
			out = append(out, c)
		}
	}
	// A nested filter that matches all documents is a mistake.
	if depth > 1 && len(out) == 0 {
		return nil, fault.InvalidField(path, "must have a condition")
	}
	return out, nil
}

func isMember(name string) bool {
	return slices.Contains([]string{"document_id", "collection", "metadata", "and", "or", "not"}, name)
}

// readName reads a string. An empty one is a mistake: nobody can tell what it should mean.
func readName(path string, raw json.RawMessage, into *string) error {
	if json.Unmarshal(raw, into) != nil {
		return fault.InvalidField(path, "must be a string")
	}
	if *into == "" {
		return fault.InvalidField(path, "must not be empty")
	}
	return nil
}

func (r *reader) list(path string, raw json.RawMessage, depth int, or bool) (condition, error) {
	filters, err := array(path, raw, "filters")
	if err != nil {
		return nil, err
	}
	var out []condition
	for i, f := range filters {
		c, err := r.filter(fmt.Sprintf("%s[%d]", path, i), f, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if or {
		return anyOf(out), nil
	}
	return allOf(out), nil
}

// metadata reads conditions by key.
func (r *reader) metadata(path string, raw json.RawMessage) (allOf, error) {
	keys, err := object(path, raw)
	if err != nil {
		return nil, err
	}
	var out allOf
	for _, k := range keys {
		if err := metadata.CheckKey(path, k.Name); err != nil {
			return nil, err
		}
		at := exact.Path(path, k.Name)
		wanted := []exact.Member{{Name: "eq", Raw: k.Raw}}
		isShort := !strings.HasPrefix(string(k.Raw), "{")
		if !isShort {
			if wanted, err = object(at, k.Raw); err != nil {
				return nil, err
			}
			if len(wanted) == 0 {
				return nil, fault.InvalidField(at, "must have an operator: %s", operatorNames)
			}
		}
		for _, w := range wanted {
			where := at
			if !isShort {
				where = exact.Path(at, w.Name)
			}
			c, err := r.comparison(where, k.Name, w)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	return out, nil
}

var operatorNames = strings.Join(slices.Sorted(maps.Keys(operators)), ", ")

func (r *reader) comparison(path, key string, wanted exact.Member) (condition, error) {
	op, ok := operators[wanted.Name]
	if !ok {
		return nil, fault.InvalidField(path, "is not an operator: there are %s", operatorNames)
	}
	c := comparison{key: key, operator: wanted.Name}
	operands := []json.RawMessage{wanted.Raw}
	if op.operand == listOperand {
		var err error
		if operands, err = array(path, wanted.Raw, "values"); err != nil {
			return nil, err
		}
	}
	for i, raw := range operands {
		at := path
		if op.operand == listOperand {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		v, err := r.operand(at, raw, op.operand)
		if err != nil {
			return nil, err
		}
		c.operands = append(c.operands, v)
	}
	if c.operator == "in" && len(c.operands) == 1 {
		c.operator = "eq" // which an index can compare
	}
	return c, nil
}

func (r *reader) operand(path string, raw json.RawMessage, want operandType) (metadata.Value, error) {
	if r.operands++; r.operands > MaxOperands {
		return metadata.Value{}, fault.InvalidField(path, "is one too many: a filter may compare with %d values", MaxOperands)
	}
	v, err := metadata.Read(path, raw)
	if err == nil {
		err = v.Check(path)
	}
	switch kind := v.Kind(); {
	case err != nil:
		return v, err
	case want == orderedOperand && kind == metadata.Boolean:
		return v, fault.InvalidField(path, "must be a string or a number")
	case want == stringOperand && kind != metadata.Text:
		return v, fault.InvalidField(path, "must be a string")
	case want == booleanOperand && kind != metadata.Boolean:
		return v, fault.InvalidField(path, "must be true or false")
	}
	return v, nil
}

func object(path string, raw json.RawMessage) ([]exact.Member, error) {
	members, duplicate, err := exact.Members(raw)
	if err != nil {
		return nil, fault.InvalidField(path, "must be a JSON object")
	}
	if duplicate != "" {
		return nil, fault.InvalidField(exact.Path(path, duplicate), "must not be given twice")
	}
	return members, nil
}

func array(path string, raw json.RawMessage, of string) ([]json.RawMessage, error) {
	var out []json.RawMessage
	if json.Unmarshal(raw, &out) != nil || len(out) == 0 {
		return nil, fault.InvalidField(path, "must be a list of %s, at least one", of)
	}
	return out, nil
}
