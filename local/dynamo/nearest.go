package dynamo

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// hit is an item that a search found.
type hit struct {
	key   itemKey
	score float64 // the distance
}

// candidate is a row that may be among the nearest; the lower its rank the
// nearer it is.
type candidate struct {
	row  int
	rank float32
}

// serialWork is the number of multiplications below which a second goroutine
// costs more than it saves.
const serialWork = 1 << 18

// nearest finds the k vectors nearest to query, nearest first, among those of
// hash whose filters are the wanted ones; "" in wanted lets any value
// pass. Equal scores come in the order of their keys; which of several that tie
// for the last place is found is arbitrary. Examined are the bytes of all of
// the partition: DynamoDB, whose index is approximate, examines less of a large one.
func (x *vectorIndex) nearest(query []float32, hash string, wanted []string, k int) (found []hit, examined int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p := x.partitions[hash]
	if p == nil {
		return nil, 0
	}
	s := scan{p, query, norm(query), wanted, k}
	hits := make([]hit, 0, k)
	for _, c := range s.run() {
		hits = append(hits, hit{p.keys[c.row], distance(query, p.vector(c.row))})
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.score, b.score), strings.Compare(a.key.hash, b.key.hash), strings.Compare(a.key.sort, b.key.sort))
	})
	return hits[:min(k, len(hits))], p.total
}

type scan struct {
	*partition
	query  []float32
	norm   float32
	wanted []string
	k      int
}

// run gives the k nearest candidates of each worker, in no order: they hold
// the k nearest of all.
func (s scan) run() []candidate {
	rows := len(s.keys)
	workers := min(runtime.GOMAXPROCS(0), rows*s.dimensions/serialWork+1)
	found := make([][]candidate, workers)
	var group sync.WaitGroup
	for w := range workers - 1 {
		group.Go(func() { found[w] = s.rows(rows*w/workers, rows*(w+1)/workers) })
	}
	found[workers-1] = s.rows(rows*(workers-1)/workers, rows)
	group.Wait()
	return slices.Concat(found...)
}

func (s scan) rows(from, to int) []candidate {
	var found []candidate
	for row := from; row < to; row++ {
		if s.pass(row) {
			found = append(found, candidate{row, s.rank(row)})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.row, b.row)) })
	return found[:min(s.k, len(found))]
}

func (s scan) pass(row int) bool {
	filters := s.filtersAt(row)
	for i, w := range s.wanted {
		if w != "" && w != filters[i] {
			return false
		}
	}
	return true
}

func (s scan) rank(row int) float32 {
	lengths := s.norm * s.norms[row]
	if lengths == 0 {
		return 0 // as distance 1
	}
	return -dot(s.query, s.vector(row)) / lengths
}
