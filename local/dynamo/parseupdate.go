package dynamo

import "strings"

// update reads an UpdateExpression. What DynamoDB knows beside this (sums,
// list_append) is a syntax error here.
//
//	SET path = operand {, ...}  operand = path | :value | if_not_exists(path, operand)
//	REMOVE path {, ...}
//	ADD path :value {, ...}
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
				a.expr = p.updateOperand()
				u.set = append(u.set, a)
			})
		case p.keyword("REMOVE"):
			p.list(func() { u.remove = append(u.remove, p.path()) })
		case p.keyword("ADD"):
			p.list(func() { u.add = append(u.add, p.amendment("ADD", kindN, kindSS)) })
		case p.keyword("DELETE"):
			p.list(func() { u.del = append(u.del, p.amendment("DELETE", kindSS)) })
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

func (p *parser) updateOperand() updateOperand {
	if !p.callsFunction() {
		return updateOperand{operand: p.operand()}
	}
	if name := p.next().text; name != "if_not_exists" {
		p.fail("Invalid function name; function: %s", name)
	}
	p.expect("(")
	o := updateOperand{operand: p.path()}
	p.expect(",")
	o.otherwise = p.operand()
	p.expect(")")
	return o
}
