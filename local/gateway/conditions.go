package gateway

import "go.yaml.in/yaml/v3"

// resolveIf returns the branch that an !If selects, through any nesting. It
// returns every other node as it is.
func (d *document) resolveIf(n *yaml.Node, what string) *yaml.Node {
	n = follow(n)
	for n != nil && n.Tag == "!If" {
		parts := items(n)
		if len(parts) != 3 {
			d.errorf(n, "%s: !If needs a condition and two values", what)
			return nil
		}
		if d.evalNamed(parts[0], what) {
			n = follow(parts[1])
		} else {
			n = follow(parts[2])
		}
	}
	return n
}

// evalNamed evaluates the template's condition that n names.
func (d *document) evalNamed(n *yaml.Node, what string) bool {
	definition := child(d.conditions, literal(n))
	if definition == nil {
		d.errorf(n, "%s: there is no condition %q", what, literal(n))
		return false
	}
	return d.evalCondition(definition, what)
}

// evalCondition evaluates !Equals, !Not, !And, !Or and !Condition.
func (d *document) evalCondition(n *yaml.Node, what string) bool {
	n = follow(n)
	parts := items(n)
	switch {
	case n.Tag == "!Condition":
		return d.evalNamed(n, what)
	case n.Tag == "!Equals" && len(parts) == 2:
		return d.text(parts[0], what) == d.text(parts[1], what)
	case n.Tag == "!Not" && len(parts) == 1:
		return !d.evalCondition(parts[0], what)
	case n.Tag == "!And", n.Tag == "!Or":
		for _, p := range parts {
			if d.evalCondition(p, what) == (n.Tag == "!Or") {
				return n.Tag == "!Or"
			}
		}
		return n.Tag == "!And"
	}
	d.errorf(n, "%s: cannot resolve %s in a condition; use !Equals, !Not, !And or !Or", what, n.Tag)
	return false
}
