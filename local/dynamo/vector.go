package dynamo

import (
	"slices"
	"sync"
)

// entry is an item's place in one vector index.
type entry struct {
	vector  []float32 // nil if the item is not in the index
	hash    string    // of a string attribute; "" stands for an absent one
	filters []string  // of the index's INLINE_FILTER attributes, in order
	bytes   int       // what it counts for, see entryBytes
}

// entryOf gives an item's entry for the table's vector index. An item without
// the vector, or without the index's HASH attribute, is silently not indexed.
func (t *table) entryOf(it item, vector []float32) entry {
	if t.index == nil || vector == nil {
		return entry{}
	}
	e := entry{vector: vector, bytes: t.entryBytes(it)}
	if e.hash = it[t.index.hash()].text; e.hash == "" {
		return entry{}
	}
	for _, name := range t.index.filterNames {
		e.filters = append(e.filters, it[name].text)
	}
	return e
}

// vectorIndex holds the vectors of one index in memory, for exact search. It
// is safe for concurrent use.
type vectorIndex struct {
	*vectorDefinition
	filterNames []string

	mu         sync.RWMutex
	partitions map[string]*partition // by the value of the HASH attribute
	places     map[itemKey]place
}

type place struct {
	in  *partition
	row int
}

// partition holds the vectors of one HASH value, densely.
type partition struct {
	hash                    string
	dimensions, filterCount int

	keys    []itemKey
	norms   []float32 // Euclidean lengths of the vectors
	filters []string  // filterCount a row
	bytes   []int
	total   int       // of bytes
	vectors []float32 // dimensions a row
}

func newVectorIndex(d *vectorDefinition) *vectorIndex {
	return &vectorIndex{
		vectorDefinition: d,
		filterNames:      d.named("INLINE_FILTER"),
		partitions:       map[string]*partition{},
		places:           map[itemKey]place{},
	}
}

// put makes e the entry of key, whatever it was before.
func (x *vectorIndex) put(key itemKey, e entry) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old, ok := x.places[key]
	if ok && (e.vector == nil || old.in != x.partitions[e.hash]) {
		x.drop(key, old)
		ok = false
	}
	if e.vector == nil {
		return
	}
	if ok {
		old.in.set(old.row, e)
		return
	}
	p := x.partitions[e.hash]
	if p == nil {
		p = &partition{hash: e.hash, dimensions: x.Dimensions, filterCount: len(x.filterNames)}
		x.partitions[e.hash] = p
	}
	key = key.clone()
	x.places[key] = place{p, p.add(key, e)}
}

// drop takes a row out by moving the partition's last row into its place.
func (x *vectorIndex) drop(key itemKey, at place) {
	delete(x.places, key)
	p := at.in
	last := len(p.keys) - 1
	if at.row != last {
		p.keys[at.row] = p.keys[last]
		p.set(at.row, entry{vector: p.vector(last), filters: p.filtersAt(last), bytes: p.bytes[last]})
		x.places[p.keys[at.row]] = at
	}
	p.pop()
	if last == 0 {
		delete(x.partitions, p.hash)
	}
}

func (p *partition) vector(row int) []float32 {
	return p.vectors[row*p.dimensions : (row+1)*p.dimensions]
}

func (p *partition) filtersAt(row int) []string {
	return p.filters[row*p.filterCount : (row+1)*p.filterCount]
}

func (p *partition) set(row int, e entry) {
	copy(p.vector(row), e.vector)
	copy(p.filtersAt(row), e.filters)
	p.norms[row] = norm(e.vector)
	p.total += e.bytes - p.bytes[row]
	p.bytes[row] = e.bytes
}

func (p *partition) add(key itemKey, e entry) int {
	row := len(p.keys)
	p.keys = append(p.keys, key)
	p.norms = append(p.norms, norm(e.vector))
	p.bytes = append(p.bytes, e.bytes)
	p.total += e.bytes
	p.filters = append(p.filters, e.filters...)
	if len(p.vectors) == cap(p.vectors) {
		p.vectors = slices.Grow(p.vectors, max(len(p.vectors), 64*p.dimensions)) // append's own growth copies more
	}
	p.vectors = append(p.vectors, e.vector...)
	return row
}

func (p *partition) pop() {
	last := len(p.keys) - 1
	p.keys[last] = itemKey{}
	clear(p.filtersAt(last))
	p.total -= p.bytes[last]
	p.keys, p.norms, p.bytes = p.keys[:last], p.norms[:last], p.bytes[:last]
	p.filters = p.filters[:last*p.filterCount]
	p.vectors = p.vectors[:last*p.dimensions]
}

// count is the number of items in the index, and their size there.
func (x *vectorIndex) count() (items, bytes int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, p := range x.partitions {
		bytes += p.total
	}
	return len(x.places), bytes
}
