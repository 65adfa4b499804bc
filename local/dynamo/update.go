package dynamo

import (
	"maps"
	"slices"
	"strconv"
)

// update is a parsed UpdateExpression. Its clauses all read the item as it was
// before any of them.
type update struct {
	set    []assignment
	remove []path
	add    []amendment
	del    []amendment
}

type assignment struct {
	to   path
	expr updateOperand
}

// amendment adds to, or deletes from, what the path leads to.
type amendment struct {
	to path
	by value
}

// updateOperand is what stands right of the = in SET: an operand, or what else
// is to be had if there is nothing at its path.
type updateOperand struct {
	operand
	otherwise operand // nil without if_not_exists
}

func (o updateOperand) eval(it item) (value, error) {
	v, ok := o.in(it)
	if !ok && o.otherwise != nil {
		v, ok = o.otherwise.in(it)
	}
	if !ok {
		return v, invalid("The provided expression refers to an attribute that does not exist in the item")
	}
	return v, nil
}

// paths are all the paths that u changes.
func (u *update) paths() []path {
	var out []path
	for _, a := range u.set {
		out = append(out, a.to)
	}
	out = append(out, u.remove...)
	for _, a := range slices.Concat(u.add, u.del) {
		out = append(out, a.to)
	}
	return out
}

// apply gives old as u changes it; old stays as it is.
func (u *update) apply(old item) (item, error) {
	out := maps.Clone(old)
	for _, a := range u.set {
		v, err := a.expr.eval(old)
		if err != nil {
			return nil, err
		}
		if err := store(out, a.to, &v); err != nil {
			return nil, err
		}
	}
	for _, a := range u.add {
		v, err := a.added(old)
		if err != nil {
			return nil, err
		}
		if err := store(out, a.to, &v); err != nil {
			return nil, err
		}
	}
	remove := slices.Clone(u.remove)
	for _, a := range u.del {
		v, err := a.deleted(old)
		if err != nil {
			return nil, err
		}
		if v == nil {
			remove = append(remove, a.to)
		} else if err := store(out, a.to, v); err != nil {
			return nil, err
		}
	}
	for _, p := range remove {
		if _, ok := p.find(out); !ok {
			if _, parent := p[:len(p)-1].find(out); parent {
				continue // nothing there to remove
			}
		}
		if err := store(out, p, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// added is the union of sets, or the sum of whole numbers, that ADD stores.
func (a amendment) added(old item) (value, error) {
	v, ok := a.to.find(old)
	switch {
	case !ok:
		return a.by, nil
	case v.kind != a.by.kind:
		return v, invalid("An operand in the update expression has an incorrect data type")
	case v.kind == kindN:
		x, err := strconv.ParseInt(v.text, 10, 32)
		y, also := strconv.ParseInt(a.by.text, 10, 32)
		if err != nil || also != nil {
			return v, invalid("this endpoint adds whole numbers of 32 bits only")
		}
		return numberValue(int(x + y)), nil
	}
	union := value{kind: v.kind, list: slices.Clone(v.list)}
	for _, m := range a.by.list {
		if !v.has(m) {
			union.list = append(union.list, m)
		}
	}
	return union, nil
}

// deleted is what DELETE leaves of a set; nil if nothing is left, or was there.
func (a amendment) deleted(old item) (*value, error) {
	v, ok := a.to.find(old)
	if !ok {
		return nil, nil
	}
	if v.kind != a.by.kind {
		return nil, invalid("An operand in the update expression has an incorrect data type")
	}
	left := value{kind: v.kind}
	for _, m := range v.list {
		if !a.by.has(m) {
			left.list = append(left.list, m)
		}
	}
	if len(left.list) == 0 {
		return nil, nil
	}
	return &left, nil
}

// store puts v where p leads in it, or removes what is there if v is nil. It
// copies every map on the way, for values are shared.
func store(it item, p path, v *value) error {
	name := p[0]
	child, ok := it[name]
	switch {
	case len(p) > 1 && (!ok || child.kind != kindM):
		return invalid("The document path provided in the update expression is invalid for update")
	case len(p) > 1:
		child.attr = maps.Clone(child.attr)
		it[name] = child
		return store(child.attr, p[1:], v)
	case v == nil:
		delete(it, name)
	default:
		it[name] = *v
	}
	return nil
}
