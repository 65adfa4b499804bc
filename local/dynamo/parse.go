package dynamo

import (
	"maps"
	"slices"
	"strings"
)

// parser reads the expressions of one request. What DynamoDB knows beside this is
// refused: NOT, <>, IN, the functions contains, size and attribute_type, nested
// attributes, ADD, DELETE, sums, list_append. Most of what DynamoDB refuses is refused,
// too; others' tables look for reserved words.
//
//	condition  = all {OR all}
//	all        = test {AND test}
//	test       = "(" condition ")" | attribute comparator :value | attribute BETWEEN :value AND :value
//	           | begins_with "(" attribute "," :value ")" | attribute_exists "(" attribute ")" | ...
//	update     = SET attribute = value {, ...} | REMOVE attribute {, ...}
//	value      = :value | attribute | if_not_exists "(" attribute "," :value ")"
//	projection = attribute {, attribute}
//
// The first error stays in err; after it the parser stands at the end of its
// input, so that every loop ends.
type parser struct {
	names  map[string]string // ExpressionAttributeNames, with the #
	values map[string]value  // ExpressionAttributeValues, with the :

	label  string // the parameter being read, for errors
	tokens []string
	err    error

	used  map[string]bool // placeholders
	heads map[string]bool // attributes
}

func newParser(names map[string]string, values map[string]value) *parser {
	return &parser{names: names, values: values, used: map[string]bool{}, heads: map[string]bool{}}
}

// read reads the expression of the parameter label, whole.
func (p *parser) read(label, text string, all func()) {
	p.label, p.tokens = label, lex(text)
	if len(p.tokens) == 0 {
		p.fail("The expression can not be empty;")
	}
	all()
	if len(p.tokens) > 0 {
		p.syntax()
	}
}

// lex cuts an expression into words, placeholders and symbols.
func lex(s string) (tokens []string) {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return tokens
		}
		n := 1
		switch {
		case strings.HasPrefix(s, "<=") || strings.HasPrefix(s, ">=") || strings.HasPrefix(s, "<>"):
			n = 2
		case s[0] == '#' || s[0] == ':' || isWordByte(s[0]):
			for n < len(s) && isWordByte(s[n]) {
				n++
			}
		}
		tokens = append(tokens, s[:n])
		s = s[n:]
	}
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = invalid("Invalid "+p.label+": "+format, args...)
	}
	p.tokens = nil
}

// syntax complains of the token that comes next.
func (p *parser) syntax() {
	next := p.peek()
	if next == "" {
		next = "<EOF>"
	}
	p.fail(`Syntax error; token: "%s"`, strings.ToValidUTF8(next, "?"))
}

// peek is the next token, "" at the end.
func (p *parser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

// take takes the symbol or, in any case, the word if it is next.
func (p *parser) take(token string) bool {
	if !strings.EqualFold(p.peek(), token) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *parser) expect(token string) {
	if !p.take(token) {
		p.syntax()
	}
}

// attribute reads an attribute's name.
func (p *parser) attribute() string {
	name := p.peek()
	switch {
	case name == "" || name[0] != '#' && !isWordByte(name[0]):
		p.syntax()
		return ""
	case name[0] == '#':
		var ok bool
		if name, ok = p.names[name]; !ok {
			p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", p.peek())
			return ""
		}
		p.used[p.peek()] = true
	}
	p.tokens = p.tokens[1:]
	p.heads[name] = true
	return name
}

// value reads a :value.
func (p *parser) value() value {
	name := p.peek()
	if !strings.HasPrefix(name, ":") {
		p.syntax()
		return value{}
	}
	v, ok := p.values[name]
	if !ok {
		p.fail("An expression attribute value used in expression is not defined; attribute value: %s", name)
		return value{}
	}
	p.used[name] = true
	p.tokens = p.tokens[1:]
	return v
}

func (p *parser) condition() condition {
	c := p.all()
	for p.take("OR") {
		c = either{c, p.all()}
	}
	return c
}

func (p *parser) all() condition {
	c := p.test()
	for p.take("AND") {
		c = both{c, p.test()}
	}
	return c
}

func (p *parser) test() condition {
	if p.take("(") {
		c := p.condition()
		p.expect(")")
		return c
	}
	if len(p.tokens) > 1 && p.tokens[1] == "(" {
		return p.function()
	}
	c := term{name: p.attribute(), op: p.peek()}
	switch {
	case p.take("BETWEEN"):
		c.op, c.values = "BETWEEN", []value{p.value()}
		p.expect("AND")
		c.values = append(c.values, p.value())
	case slices.Contains([]string{"=", "<", "<=", ">", ">="}, c.op):
		p.take(c.op)
		c.values = []value{p.value()}
	default:
		p.syntax()
	}
	return p.ordered(c)
}

func (p *parser) function() condition {
	c := term{op: p.peek()}
	p.take(c.op)
	p.expect("(")
	c.name = p.attribute()
	switch c.op {
	case "attribute_exists", "attribute_not_exists":
	case "begins_with":
		p.expect(",")
		c.values = []value{p.value()}
	default:
		p.fail("Invalid function name; function: %s", c.op)
	}
	p.expect(")")
	return p.ordered(c)
}

// ordered refuses an order of anything but strings: no expression here needs one.
func (p *parser) ordered(c term) condition {
	for _, v := range c.values {
		if c.op != "=" && v.kind != kindS && p.err == nil {
			p.fail("this endpoint knows the order of strings only: %s %s", c.name, c.op)
		}
	}
	return c
}

// projection names the attributes that a reader wants to see; nil is all of them.
type projection []string

func (p projection) apply(it item) item {
	if p == nil {
		return it
	}
	out := item{}
	for _, name := range p {
		if v, ok := it[name]; ok {
			out[name] = v
		}
	}
	return out
}

func (p *parser) projection() (names projection) {
	for more := true; more; more = p.take(",") {
		names = append(names, p.attribute())
	}
	return names
}

// update is a parsed UpdateExpression. Its clauses all read the item as it was
// before any of them.
type update struct {
	set    []assignment
	remove []string
}

// assignment sets an attribute to what another one has or, without one or if that
// is not there, to a value.
type assignment struct {
	to, from  string
	otherwise value // its kind is "" where there is none
}

// changes are all the attributes that u changes.
func (u *update) changes() []string {
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
		v, ok := old[a.from]
		if !ok {
			v = a.otherwise
		}
		if v.kind == "" {
			return nil, invalid("The provided expression refers to an attribute that does not exist in the item")
		}
		out[a.to] = v
	}
	for _, name := range u.remove {
		delete(out, name)
	}
	return out, nil
}

func (p *parser) update() *update {
	u := &update{}
	for len(p.tokens) > 0 {
		switch {
		case p.take("SET"):
			for more := true; more; more = p.take(",") {
				u.set = append(u.set, p.assignment())
			}
		case p.take("REMOVE"):
			for more := true; more; more = p.take(",") {
				u.remove = append(u.remove, p.attribute())
			}
		default:
			p.syntax()
		}
	}
	seen := map[string]bool{}
	for _, n := range u.changes() {
		if seen[n] && p.err == nil {
			p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%s]", n, n)
		}
		seen[n] = true
	}
	return u
}

func (p *parser) assignment() assignment {
	a := assignment{to: p.attribute()}
	p.expect("=")
	switch {
	case p.take("if_not_exists"):
		p.expect("(")
		a.from = p.attribute()
		p.expect(",")
		a.otherwise = p.value()
		p.expect(")")
	case strings.HasPrefix(p.peek(), ":"):
		a.otherwise = p.value()
	default:
		a.from = p.attribute()
	}
	return a
}

// unused is the error for placeholders that no expression used.
func (p *parser) unused() error {
	for _, given := range []struct {
		parameter string
		keys      []string
	}{
		{"ExpressionAttributeNames", slices.Sorted(maps.Keys(p.names))},
		{"ExpressionAttributeValues", slices.Sorted(maps.Keys(p.values))},
	} {
		left := slices.DeleteFunc(given.keys, func(k string) bool { return p.used[k] })
		if len(left) > 0 {
			return invalid("Value provided in %s unused in expressions: keys: {%s}", given.parameter, strings.Join(left, ", "))
		}
	}
	return nil
}
