package dynamo

import "strings"

// update reads an UpdateExpression.
//
//	SET path = sum {, ...}     sum  = term [(+|-) term]
//	REMOVE path {, ...}        term = path | :value | "(" sum ")"
//	ADD path :value {, ...}         | if_not_exists(path, term) | list_append(term, term)
//	DELETE path :value {, ...}
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
			p.list(func() {
				a := assignment{to: p.path()}
				p.expect("=")
				a.expr = p.sum()
				u.set = append(u.set, a)
			})
		case p.keyword("REMOVE"):
			p.list(func() { u.remove = append(u.remove, p.path()) })
		case p.keyword("ADD"):
			p.list(func() { u.add = append(u.add, p.amendment("ADD", kindN, kindSS, kindNS, kindBS)) })
		case p.keyword("DELETE"):
			p.list(func() { u.del = append(u.del, p.amendment("DELETE", kindSS, kindNS, kindBS)) })
		default:
			p.syntax()
		}
	}
	p.distinct(u.paths())
	return u
}

func (p *parser) amendment(operator string, kinds ...kind) amendment {
	a := amendment{p.path(), p.literal()}
	p.checkKind(operator, a.by, kinds...)
	return a
}

func (p *parser) sum() updateOperand {
	a := p.term()
	switch {
	case p.symbol("+"):
		return p.arithmetic("+", a, p.term())
	case p.symbol("-"):
		return p.arithmetic("-", a, p.term())
	}
	return a
}

func (p *parser) arithmetic(operator string, a, b updateOperand) updateOperand {
	for _, o := range []updateOperand{a, b} {
		if o, ok := o.(plain); ok {
			p.checkKind(operator, o.operand, kindN)
		}
	}
	return arithmetic{a, b, operator == "-"}
}

func (p *parser) term() updateOperand {
	switch {
	case p.symbol("("):
		o := p.sum()
		p.expect(")")
		return o
	case p.peek().kind == tokenValue:
		return plain{p.literal()}
	case !p.callsFunction():
		return plain{p.path()}
	}
	name := p.next().text
	p.expect("(")
	var o updateOperand
	switch name {
	case "if_not_exists":
		at := p.path()
		p.expect(",")
		o = ifNotExists{at, p.term()}
	case "list_append":
		a := p.term()
		p.expect(",")
		o = listAppend{a, p.term()}
	default:
		p.fail("Invalid function name; function: %s", name)
	}
	p.expect(")")
	return o
}
