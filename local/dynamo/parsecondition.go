package dynamo

import (
	"slices"
	"strconv"
)

// condition reads a whole condition expression, the value of label.
//
//	or      = and {OR and}
//	and     = not {AND not}
//	not     = NOT not | "(" or ")" | test
//	test    = operand comparator operand | operand BETWEEN operand AND operand
//	        | operand IN "(" operand {, operand} ")" | function
//	operand = path | :value | size(operand) | "(" operand ")"
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
	if p.peek().text == "(" && !p.operandFollows() {
		p.next()
		c := p.or()
		p.expect(")")
		return c
	}
	return p.test()
}

// operandFollows reports whether an operand with its operator comes next. It
// tells the parenthesis of (a) = :v from that of (a = :v).
func (p *parser) operandFollows() bool {
	ahead := *p
	ahead.operand()
	t := ahead.peek()
	return ahead.err == nil && (t.kind == tokenSymbol && slices.Contains(comparators, t.text) ||
		ahead.keyword("BETWEEN") || ahead.keyword("IN"))
}

var comparators = []string{"=", "<>", "<", "<=", ">", ">="}

func (p *parser) test() condition {
	if p.callsFunction() && p.peek().text != "size" {
		return p.predicate()
	}
	x := p.operand()
	switch t := p.peek(); {
	case t.kind == tokenSymbol && slices.Contains(comparators, t.text):
		p.next()
		return p.checkDistinct(comparison{t.text, x, p.operand()})
	case p.keyword("BETWEEN"):
		low := p.operand()
		if !p.keyword("AND") {
			p.syntax()
		}
		high := p.operand()
		p.checkBounds(low, high)
		return between{x, low, high}
	case p.keyword("IN"):
		m := membership{x: x}
		p.expect("(")
		p.list(func() { m.in = append(m.in, p.operand()) })
		p.expect(")")
		if len(m.in) > 100 {
			p.fail("The IN operator is provided with too many operands; number of operands: %d", len(m.in))
		}
		return m
	}
	if _, ok := x.(sizeOf); ok {
		p.fail("The function is not allowed to be used this way in an expression; function: size")
	}
	p.syntax()
	return not{}
}

func (p *parser) callsFunction() bool {
	return p.peek().kind == tokenWord && p.tokens[p.at+1].text == "("
}

func (p *parser) operand() operand {
	switch {
	case p.symbol("("):
		x := p.operand()
		p.expect(")")
		return x
	case p.peek().kind == tokenValue:
		return p.literal()
	case p.callsFunction():
		name := p.next().text
		if name != "size" {
			if _, known := arity[name]; !known {
				p.fail("Invalid function name; function: %s", name)
			} else {
				p.fail("The function is not allowed to be used this way in an expression; function: %s", name)
			}
			return value{}
		}
		args := p.arguments(name, 1)
		p.checkKind(name, args[0], kindS, kindB, kindSS, kindNS, kindBS, kindL, kindM)
		return sizeOf{args[0]}
	}
	return p.path()
}

// arity lists the functions of a condition and the number of their arguments.
var arity = map[string]int{
	"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2,
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
		if _, ok := c.args[0].(path); !ok {
			p.fail("Operator or function requires a document path; operator or function: %s", name)
		}
	case "begins_with":
		p.checkKind(name, c.args[0], kindS, kindB)
		p.checkKind(name, c.args[1], kindS, kindB)
	case "attribute_type":
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

// checkKind refuses a literal of another kind; what a path leads to is known
// only later, and then just does not match.
func (p *parser) checkKind(name string, o operand, kinds ...kind) {
	if v, ok := o.(value); ok && p.err == nil && !slices.Contains(kinds, v.kind) {
		p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", name, v.kind)
	}
}

func (p *parser) checkDistinct(c comparison) condition {
	left, ok := c.left.(path)
	right, also := c.right.(path)
	if ok && also && p.err == nil && slices.Equal(left, right) {
		p.fail("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", c.op, left)
	}
	for _, o := range []operand{c.left, c.right} {
		if c.op != "=" && c.op != "<>" {
			p.checkKind(c.op, o, kindS, kindN, kindB)
		}
	}
	return c
}

func (p *parser) checkBounds(low, high operand) {
	l, ok := low.(value)
	h, also := high.(value)
	if !ok || !also || p.err != nil {
		return
	}
	bounds := "lower bound operand: AttributeValue: " + describe(l) + ", upper bound operand: AttributeValue: " + describe(h)
	if l.kind != h.kind {
		p.fail("The BETWEEN operator requires same data type for lower and upper bounds; %s", bounds)
	} else if order, _ := l.compare(h); order > 0 {
		p.fail("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; %s", bounds)
	}
}

func describe(v value) string { return "{" + string(v.kind) + ":" + v.text + "}" }

func numberValue(n int) value { return value{kind: kindN, text: strconv.Itoa(n)} }
