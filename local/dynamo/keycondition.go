package dynamo

import "slices"

// bounds of sort keys: from the one, and if it ends, to before the
// other. A string's successor is itself and a zero byte.
type bounds struct {
	from, to string
	ends     bool
}

// and is what is within both.
func (b bounds) and(c bounds) bounds {
	out := bounds{from: max(b.from, c.from), to: b.to, ends: b.ends || c.ends}
	if c.ends && (!b.ends || c.to < b.to) {
		out.to = c.to
	}
	return out
}

// keyCondition takes c apart: equality of the partition key, and at most one
// condition on the sort key.
func (t *table) keyCondition(c condition) (hash string, sorts bounds, err error) {
	terms, err := conjuncts("KeyConditionExpression", c)
	if err != nil {
		return "", bounds{}, err
	}
	seen := map[string]bool{}
	for _, c := range terms {
		name, op, values, err := keyTerm(c)
		if err != nil {
			return "", bounds{}, err
		}
		if !t.isKey(name) {
			continue // the missing key is the error then
		}
		if seen[name] {
			return "", bounds{}, invalid("KeyConditionExpressions must only contain one condition per key")
		}
		seen[name] = true
		for _, v := range values {
			if v.kind != t.attributeType(name) {
				return "", bounds{}, invalidParameter("Condition parameter type does not match schema type")
			}
		}
		if name == t.hashKey() {
			if op != "=" {
				return "", bounds{}, invalid("Query key condition not supported")
			}
			if hash, err = encodeKeyPart(name, values[0], maxHashKey, "Size of hashkey has exceeded the maximum size limit of2048 bytes"); err != nil {
				return "", bounds{}, err
			}
			continue
		}
		sorts = sortBounds(op, values)
	}
	switch {
	case !seen[t.hashKey()]:
		return "", bounds{}, invalid("Query condition missed key schema element: %s", t.hashKey())
	case len(terms) > len(t.KeySchema):
		return "", bounds{}, invalid("Conditions can be of length 1 or 2 only")
	case len(terms) == 2 && !seen[t.sortKey()]:
		if t.sortKey() == "" {
			return "", bounds{}, invalid("Query key condition not supported")
		}
		return "", bounds{}, invalid("Query condition missed key schema element: %s", t.sortKey())
	}
	return hash, sorts, nil
}

// conjuncts takes an expression apart at its ANDs; other connectives have no
// place in the conditions on keys and on a search schema.
func conjuncts(label string, c condition) ([]condition, error) {
	switch c := c.(type) {
	case both:
		left, err := conjuncts(label, c.left)
		if err != nil {
			return nil, err
		}
		right, err := conjuncts(label, c.right)
		return append(left, right...), err
	case either:
		return nil, invalid("Invalid %s: Invalid operator used in %s: OR", label, label)
	case not:
		return nil, invalid("Invalid %s: Invalid operator used in %s: NOT", label, label)
	}
	return []condition{c}, nil
}

// keyTerm takes one condition on a key apart; values has two values for
// BETWEEN, else one.
func keyTerm(c condition) (name, op string, values []value, err error) {
	const label = "KeyConditionExpression"
	var operands []operand
	switch c := c.(type) {
	case comparison:
		op, operands = c.op, []operand{c.left, c.right}
	case between:
		op, operands = "BETWEEN", []operand{c.x, c.low, c.high}
	case predicate:
		op, operands = c.name, c.args
	}
	if !slices.Contains([]string{"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"}, op) {
		return "", "", nil, invalid("Invalid %s: Invalid operator used in %s: %s", label, label, op)
	}
	a, ok := operands[0].(attribute)
	if !ok {
		return "", "", nil, invalid("Invalid %s: The first operand of %s must be a key attribute", label, op)
	}
	for _, o := range operands[1:] {
		v, ok := o.(value)
		if !ok {
			return "", "", nil, invalid("Invalid %s: The operand of %s must be a value, as :v", label, op)
		}
		values = append(values, v)
	}
	return string(a), op, values, nil
}

func sortBounds(op string, values []value) bounds {
	v := values[0].text
	switch op {
	case "=":
		return bounds{v, v + "\x00", true}
	case "<":
		return bounds{"", v, true}
	case "<=":
		return bounds{"", v + "\x00", true}
	case ">":
		return bounds{from: v + "\x00"}
	case "BETWEEN":
		return bounds{v, values[1].text + "\x00", true}
	case "begins_with":
		end := afterPrefix(v)
		return bounds{v, end, end != ""}
	}
	return bounds{from: v} // >=
}

// afterPrefix is the least string above all those that begin with prefix; ""
// if there is none.
func afterPrefix(prefix string) string {
	b := []byte(prefix)
	for len(b) > 0 {
		if b[len(b)-1]++; b[len(b)-1] != 0 {
			return string(b)
		}
		b = b[:len(b)-1]
	}
	return ""
}
