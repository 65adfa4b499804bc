package dynamo

import (
	"slices"
	"strconv"
	"strings"
)

// path leads to a value within an item: names and list indexes, a name first.
type path []step

type step struct {
	name  string
	index int // of a list, where name is ""
}

func (p path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.name
		if s.name == "" {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// find follows p into it.
func (p path) find(it item) (value, bool) {
	v := value{kind: kindM, attr: it}
	for _, s := range p {
		switch {
		case s.name != "" && v.kind == kindM:
			next, ok := v.attr[s.name]
			if !ok {
				return value{}, false
			}
			v = next
		case s.name == "" && v.kind == kindL && s.index < len(v.list):
			v = v.list[s.index]
		default:
			return value{}, false
		}
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

// projection is a tree of the paths that a reader wants to see.
type projection struct {
	whole    bool
	children map[step]*projection
}

func newProjection(paths []path) *projection {
	root := &projection{}
	for _, p := range paths {
		node := root
		for _, s := range p {
			if node.children == nil {
				node.children = map[step]*projection{}
			}
			next := node.children[s]
			if next == nil {
				next = &projection{}
				node.children[s] = next
			}
			node = next
		}
		node.whole = true
	}
	return root
}

// apply gives the part of it that p names; a nil p means all of it.
func (p *projection) apply(it item) item {
	if p == nil {
		return it
	}
	out := item{}
	for s, child := range p.children {
		if v, ok := it[s.name]; ok && s.name != "" {
			if v, ok = child.part(v); ok {
				out[s.name] = v
			}
		}
	}
	return out
}

// part is what a node names of v; chosen list elements move together.
func (p *projection) part(v value) (value, bool) {
	if p.whole {
		return v, true
	}
	switch v.kind {
	case kindM:
		attr := p.apply(v.attr)
		return value{kind: kindM, attr: attr}, len(attr) > 0
	case kindL:
		out := value{kind: kindL}
		for i, m := range v.list {
			if child := p.children[step{index: i}]; child != nil {
				if m, ok := child.part(m); ok {
					out.list = append(out.list, m)
				}
			}
		}
		return out, len(out.list) > 0
	}
	return value{}, false
}
