package dynamo

import (
	"cmp"
	"maps"
	"slices"
	"strings"
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

// updateOperand is what stands right of the = in SET.
type updateOperand interface {
	eval(it item) (value, error)
}

type (
	plain       struct{ operand }
	ifNotExists struct {
		at        path
		otherwise updateOperand
	}
	listAppend struct{ a, b updateOperand }
	arithmetic struct {
		a, b     updateOperand
		subtract bool
	}
)

func (o plain) eval(it item) (value, error) {
	v, ok := o.in(it)
	if !ok {
		return v, invalid("The provided expression refers to an attribute that does not exist in the item")
	}
	return v, nil
}

func (o ifNotExists) eval(it item) (value, error) {
	if v, ok := o.at.find(it); ok {
		return v, nil
	}
	return o.otherwise.eval(it)
}

func (o listAppend) eval(it item) (value, error) {
	a, b, err := evalBoth(it, o.a, o.b, kindL)
	return value{kind: kindL, list: slices.Concat(a.list, b.list)}, err
}

func (o arithmetic) eval(it item) (value, error) {
	a, b, err := evalBoth(it, o.a, o.b, kindN)
	if err != nil {
		return value{}, err
	}
	sum, err := addNumbers(a.text, b.text, o.subtract)
	return value{kind: kindN, text: sum}, err
}

func evalBoth(it item, left, right updateOperand, want kind) (a, b value, err error) {
	if a, err = left.eval(it); err != nil {
		return a, b, err
	}
	if b, err = right.eval(it); err != nil {
		return a, b, err
	}
	if a.kind != want || b.kind != want {
		return a, b, invalid("An operand in the update expression has an incorrect data type")
	}
	return a, b, nil
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
	// From the back, so that a list's indexes stay right while it shrinks.
	slices.SortFunc(remove, func(p, q path) int {
		return slices.CompareFunc(q, p, func(s, t step) int {
			return cmp.Or(strings.Compare(s.name, t.name), cmp.Compare(s.index, t.index))
		})
	})
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

// added is the sum, or the union of sets, that ADD stores.
func (a amendment) added(old item) (value, error) {
	v, ok := a.to.find(old)
	switch {
	case !ok:
		return a.by, nil
	case v.kind != a.by.kind:
		return v, invalid("An operand in the update expression has an incorrect data type")
	case v.kind == kindN:
		sum, err := addNumbers(v.text, a.by.text, false)
		return value{kind: kindN, text: sum}, err
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
// copies every map and list on the way, for values are shared.
func store(it item, p path, v *value) error {
	if len(p) == 1 {
		if v == nil {
			delete(it, p[0].name)
		} else {
			it[p[0].name] = *v
		}
		return nil
	}
	child, ok := it[p[0].name]
	if !ok {
		return invalid("The document path provided in the update expression is invalid for update")
	}
	changed, err := child.with(p[1:], v)
	if err == nil {
		it[p[0].name] = changed
	}
	return err
}

func (v value) with(p path, w *value) (value, error) {
	s := p[0]
	switch {
	case v.kind == kindM && s.name != "":
		v.attr = maps.Clone(v.attr)
		return v, store(v.attr, p, w)
	case v.kind == kindL && s.name == "":
		if len(p) > 1 && s.index >= len(v.list) {
			break
		}
		v.list = slices.Clone(v.list)
		switch {
		case len(p) > 1:
			m, err := v.list[s.index].with(p[1:], w)
			v.list[s.index] = m
			return v, err
		case w == nil:
			if s.index < len(v.list) {
				v.list = slices.Delete(v.list, s.index, s.index+1)
			}
		case s.index < len(v.list):
			v.list[s.index] = *w
		default: // beyond the end means at the end
			v.list = append(v.list, *w)
		}
		return v, nil
	}
	return v, invalid("The document path provided in the update expression is invalid for update")
}
