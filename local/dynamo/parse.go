package dynamo

import (
	"maps"
	"slices"
	"strings"
)

// parser reads the expressions of one request. It keeps which placeholders and
// attributes they used. The first error stays in err; after it the parser
// stands at the end of its input, so that every loop ends.
type parser struct {
	names  map[string]string // ExpressionAttributeNames, with the #
	values map[string]value  // ExpressionAttributeValues, with the :

	label  string // the parameter being read, for errors
	text   string
	tokens []token
	at     int
	err    error

	used  map[string]bool // placeholders
	heads map[string]bool // top-level attributes
}

func newParser(names map[string]string, values map[string]value) *parser {
	return &parser{names: names, values: values, used: map[string]bool{}, heads: map[string]bool{}}
}

// begin starts on the expression of the parameter label.
func (p *parser) begin(label, text string) {
	p.label, p.text, p.at = label, text, 0
	var bad string
	p.tokens, bad = lex(text)
	switch {
	case len(text) > maxExpression:
		p.fail("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	case bad != "":
		at := p.tokens[len(p.tokens)-1].start
		near := strings.ToValidUTF8(text[max(0, at-3):min(len(text), at+3)], "")
		p.fail(`Syntax error; token: "%s", near: "%s"`, bad, near)
	case len(p.tokens) == 1:
		p.fail("The expression can not be empty;")
	}
}

// end checks that the whole expression was read.
func (p *parser) end() {
	if p.peek().kind != tokenEnd {
		p.syntax()
	}
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = invalid("Invalid "+p.label+": "+format, args...)
	}
	p.at = len(p.tokens) - 1
}

// syntax complains of the token that comes next.
func (p *parser) syntax() {
	t := p.peek()
	from := p.tokens[max(0, p.at-1)].start
	to := p.tokens[min(len(p.tokens)-1, p.at+1)].end
	p.fail(`Syntax error; token: "%s", near: "%s"`, t.text, p.text[from:to])
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

// symbol takes the symbol s if it is next.
func (p *parser) symbol(s string) bool {
	if t := p.peek(); t.kind != tokenSymbol || t.text != s {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(s string) {
	if !p.symbol(s) {
		p.syntax()
	}
}

// keyword takes the word w, in any case, if it is next.
func (p *parser) keyword(w string) bool {
	if t := p.peek(); t.kind != tokenWord || !strings.EqualFold(t.text, w) {
		return false
	}
	p.at++
	return true
}

// list reads one or more elements with commas between.
func (p *parser) list(element func()) {
	for {
		element()
		if !p.symbol(",") {
			return
		}
	}
}

// attribute reads an attribute's name.
func (p *parser) attribute() attribute {
	name := p.attributeName()
	p.heads[name] = true
	return attribute(name)
}

func (p *parser) attributeName() string {
	switch t := p.peek(); t.kind {
	case tokenWord:
		if reserved(t.text) {
			p.fail("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
			return ""
		}
		p.next()
		return t.text
	case tokenName:
		name, ok := p.names[t.text]
		if !ok {
			p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
			return ""
		}
		p.used[t.text] = true
		p.next()
		return name
	}
	p.syntax()
	return ""
}

// literal reads a :value.
func (p *parser) literal() value {
	t := p.peek()
	if t.kind != tokenValue {
		p.syntax()
		return value{}
	}
	v, ok := p.values[t.text]
	if !ok {
		p.fail("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
		return value{}
	}
	p.used[t.text] = true
	p.next()
	return v
}

// projection reads a ProjectionExpression.
func (p *parser) projection(text string) projection {
	p.begin("ProjectionExpression", text)
	var names projection
	p.list(func() { names = append(names, p.attribute()) })
	p.end()
	p.distinct(names)
	return names
}

// distinct refuses an expression that names an attribute twice.
func (p *parser) distinct(names []attribute) {
	seen := map[attribute]bool{}
	for _, n := range names {
		if seen[n] && p.err == nil {
			p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [%s], path two: [%s]", n, n)
		}
		seen[n] = true
	}
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
