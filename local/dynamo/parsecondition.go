package dynamo

import (
	"slices"
	"strconv"
)

// condition reads a whole condition expression, the value of label. What
// DynamoDB knows beside this is refused: IN, contains, size, attribute_type,
// operands in parentheses, nested attributes.
//
//	or      = and {OR and}
//	and     = not {AND not}
//	not     = NOT not | "(" or ")" | test
//	test    = operand comparator operand | operand BETWEEN operand AND operand | function
//	operand = attribute | :value
func (p *parser) condition(label, text string) condition {
	p.begin(label, text)
	c := p.or()
	p.end()
	return c
}

func (p *parser) or() condition {
	c := p.and()
	for p.keyword("OR") {
		c = either{c, p.and()}
	}
	return c
}

func (p *parser) and() condition {
	c := p.not()
	for p.keyword("AND") {
		c = both{c, p.not()}
	}
	return c
}

func (p *parser) not() condition {
	if p.keyword("NOT") {
		return not{p.not()}
	}
	if p.symbol("(") {
		c := p.or()
		p.expect(")")
		return c
	}
	return p.test()
}

var comparators = []string{"=", "<>", "<", "<=", ">", ">="}

func (p *parser) test() condition {
	if p.callsFunction() {
		return p.predicate()
	}
	x := p.operand()
	switch t := p.peek(); {
	case t.kind == tokenSymbol && slices.Contains(comparators, t.text):
		p.next()
		return comparison{t.text, x, p.operand()}
	case p.keyword("BETWEEN"):
		low := p.operand()
		if !p.keyword("AND") {
			p.syntax()
		}
		return between{x, low, p.operand()}
	}
	p.syntax()
	return not{}
}

func (p *parser) callsFunction() bool {
	return p.peek().kind == tokenWord && p.tokens[p.at+1].text == "("
}

func (p *parser) operand() operand {
	if p.peek().kind == tokenValue {
		return p.literal()
	}
	return p.attribute()
}

// arity lists the functions of a condition and the number of their arguments.
var arity = map[string]int{
	"attribute_exists": 1, "attribute_not_exists": 1, "begins_with": 2,
}

func (p *parser) predicate() condition {
	name := p.next().text
	n, known := arity[name]
	if !known {
		p.fail("Invalid function name; function: %s", name)
		return not{}
	}
	c := predicate{name, p.arguments(name, n)}
	switch name {
	case "attribute_exists", "attribute_not_exists":
		if _, ok := c.args[0].(attribute); !ok {
			p.fail("Operator or function requires a document path; operator or function: %s", name)
		}
	case "begins_with":
		p.checkKind(name, c.args[1], kindS)
	}
	return c
}

// arguments reads the n operands of a function in parentheses. After an error
// it still gives n of them.
func (p *parser) arguments(name string, n int) []operand {
	var args []operand
	p.expect("(")
	p.list(func() { args = append(args, p.operand()) })
	p.expect(")")
	if len(args) != n {
		p.fail("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(args))
		return make([]operand, n)
	}
	return args
}

// checkKind refuses a literal of another kind; what an attribute is, is known
// only later, and then just does not match.
func (p *parser) checkKind(name string, o operand, kinds ...kind) {
	if v, ok := o.(value); ok && p.err == nil && !slices.Contains(kinds, v.kind) {
		p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", name, v.kind)
	}
}

func describe(v value) string { return "{" + string(v.kind) + ":" + v.text + "}" }

func numberValue(n int) value { return value{kind: kindN, text: strconv.Itoa(n)} }
