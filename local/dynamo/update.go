package dynamo

import (
	"maps"
	"slices"
	"strings"
)

// update is a parsed UpdateExpression. Its clauses all read the item as it was
// before any of them.
type update struct {
	set    []assignment
	remove []attribute
}

// assignment is what SET does: to an operand, or with if_not_exists, to what else
// is to be had if there is nothing.
type assignment struct {
	to        attribute
	operand   operand
	otherwise operand // nil without if_not_exists
}

func (a assignment) eval(it item) (value, error) {
	v, ok := a.operand.in(it)
	if !ok && a.otherwise != nil {
		v, ok = a.otherwise.in(it)
	}
	if !ok {
		return v, invalid("The provided expression refers to an attribute that does not exist in the item")
	}
	return v, nil
}

// changes are all the attributes that u changes.
func (u *update) changes() []attribute {
	out := slices.Clone(u.remove)
	for _, a := range u.set {
		out = append(out, a.to)
	}
	return out
}

// apply gives old as u changes it; old stays as it is.
func (u *update) apply(old item) (item, error) {
	out := maps.Clone(old)
	for _, a := range u.set {
		v, err := a.eval(old)
		if err != nil {
			return nil, err
		}
		out[string(a.to)] = v
	}
	for _, a := range u.remove {
		delete(out, string(a))
	}
	return out, nil
}

// update reads an UpdateExpression. What DynamoDB knows beside this (ADD, DELETE,
// sums, list_append, nested attributes) is a syntax error here.
//
//	SET attribute = value {, ...}  value = operand | if_not_exists(attribute, operand)
//	REMOVE attribute {, ...}
func (p *parser) update(text string) *update {
	p.begin("UpdateExpression", text)
	u := &update{}
	seen := map[string]bool{}
	for p.err == nil && p.peek().kind != tokenEnd {
		clause := strings.ToUpper(p.peek().text)
		if seen[clause] {
			p.fail(`The "%s" section can only be used once in an update expression;`, clause)
		}
		seen[clause] = true
		switch {
		case p.keyword("SET"):
			p.list(func() { u.set = append(u.set, p.assignment()) })
		case p.keyword("REMOVE"):
			p.list(func() { u.remove = append(u.remove, p.attribute()) })
		default:
			p.syntax()
		}
	}
	p.distinct(u.changes())
	return u
}

func (p *parser) assignment() assignment {
	a := assignment{to: p.attribute()}
	p.expect("=")
	if !p.callsFunction() {
		a.operand = p.operand()
		return a
	}
	if name := p.next().text; name != "if_not_exists" {
		p.fail("Invalid function name; function: %s", name)
	}
	p.expect("(")
	a.operand = p.attribute()
	p.expect(",")
	a.otherwise = p.operand()
	p.expect(")")
	return a
}
