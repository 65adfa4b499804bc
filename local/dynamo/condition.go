package dynamo

// condition is a parsed ConditionExpression or FilterExpression; a
// KeyConditionExpression or SearchConditionExpression is one of terms joined by AND.
type condition interface {
	// test reports whether the item meets the condition.
	test(it item) bool
}

type (
	both   struct{ left, right condition }
	either struct{ left, right condition }

	// term compares an attribute with values, or asks whether it is there.
	term struct {
		name   string
		op     string // = < <= > >= BETWEEN begins_with attribute_exists attribute_not_exists
		values []value
	}
)

func (c both) test(it item) bool   { return c.left.test(it) && c.right.test(it) }
func (c either) test(it item) bool { return c.left.test(it) || c.right.test(it) }

func (c term) test(it item) bool {
	v, ok := it[c.name]
	switch c.op {
	case "attribute_exists":
		return ok
	case "attribute_not_exists":
		return !ok
	case "=":
		return ok && v.equal(c.values[0])
	}
	return ok && v.kind == kindS && c.bounds().has(v.text)
}

// terms takes an expression apart at its ANDs: the conditions on keys and on a
// search schema have no OR.
func terms(label string, c condition) ([]term, error) {
	switch c := c.(type) {
	case term:
		return []term{c}, nil
	case both:
		left, err := terms(label, c.left)
		if err != nil {
			return nil, err
		}
		right, err := terms(label, c.right)
		return append(left, right...), err
	}
	return nil, invalid("Invalid %s: Invalid operator used in %s: OR", label, label)
}

// bounds of strings: from the one, and if it ends, to before the other. A
// string's successor is itself and a zero byte.
type bounds struct {
	from, to string
	ends     bool
}

func (b bounds) has(s string) bool { return s >= b.from && (!b.ends || s < b.to) }

// bounds are what the term asks of a string.
func (c term) bounds() bounds {
	v := c.values[0].text
	switch c.op {
	case "=":
		return bounds{v, v + "\x00", true}
	case "<":
		return bounds{"", v, true}
	case "<=":
		return bounds{"", v + "\x00", true}
	case ">":
		return bounds{from: v + "\x00"}
	case "BETWEEN":
		return bounds{v, c.values[1].text + "\x00", true}
	case "begins_with":
		if v == "" {
			return bounds{}
		}
		end := []byte(v)
		end[len(end)-1]++ // the end of UTF-8 is never the last byte there is
		return bounds{v, string(end), true}
	}
	return bounds{from: v} // >=
}

// keyCondition takes c apart: equality of the partition key, and at most one
// condition on the sort key.
func (t *table) keyCondition(c condition) (hash string, sorts bounds, err error) {
	all, err := terms("KeyConditionExpression", c)
	if err != nil {
		return "", bounds{}, err
	}
	seen := map[string]bool{}
	for _, c := range all {
		switch {
		case c.values == nil || seen[c.name] || c.name == t.hashKey() && c.op != "=":
			return "", bounds{}, invalid("Query key condition not supported: %s %s", c.op, c.name)
		case !t.isKey(c.name):
			continue // the missing key is the error then
		case c.values[0].kind != kindS:
			return "", bounds{}, invalidParameter("Condition parameter type does not match schema type")
		}
		seen[c.name] = true
		if c.name == t.hashKey() {
			hash = c.values[0].text
		} else {
			sorts = c.bounds()
		}
	}
	for _, key := range []string{t.hashKey(), t.sortKey()}[:min(2, len(all))] {
		if !seen[key] {
			return "", bounds{}, invalid("Query condition missed key schema element: %s", key)
		}
	}
	if len(all) > 2 || hash == "" {
		return "", bounds{}, invalid("Conditions can be of length 1 or 2 only, and a key is not empty")
	}
	return hash, sorts, nil
}
