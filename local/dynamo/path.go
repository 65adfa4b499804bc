package dynamo

import (
	"slices"
	"strings"
)

// path leads to a value within an item, from map to map. There are no paths into
// lists here.
type path []string

func (p path) String() string { return "[" + strings.Join(p, ", ") + "]" }

// find follows p into it.
func (p path) find(it item) (value, bool) {
	v := value{kind: kindM, attr: it}
	for _, name := range p {
		next, ok := v.attr[name] // nil of what is no map
		if !ok {
			return value{}, false
		}
		v = next
	}
	return v, true
}

// overlaps reports whether one of the paths leads into, or to, the other's end.
func (p path) overlaps(q path) bool {
	n := min(len(p), len(q))
	return slices.Equal(p[:n], q[:n])
}

// firstOverlap finds two paths that an expression may not use together.
func firstOverlap(paths []path) (a, b path, found bool) {
	for i, p := range paths {
		for _, q := range paths[:i] {
			if p.overlaps(q) {
				return q, p, true
			}
		}
	}
	return nil, nil, false
}

// projection is a tree of the paths that a reader wants to see; one without
// children stands for all that is there.
type projection map[string]projection

func newProjection(paths []path) projection {
	root := projection{}
	for _, p := range paths {
		node := root
		for _, name := range p {
			if node[name] == nil {
				node[name] = projection{}
			}
			node = node[name]
		}
	}
	return root
}

// apply gives the part of it that p names; an empty p means all of it.
func (p projection) apply(it item) item {
	if len(p) == 0 {
		return it
	}
	out := item{}
	for name, below := range p {
		v, ok := it[name]
		if ok && len(below) > 0 {
			v.attr = below.apply(v.attr)
			ok = len(v.attr) > 0
		}
		if ok {
			out[name] = v
		}
	}
	return out
}
