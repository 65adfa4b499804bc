package wire

import (
	"slices"
	"sync"
	"time"
)

// grudge is how long an address that failed is tried after the others.
const grudge = 30 * time.Second

// memory is what a transport knows of addresses: where exchanges wait for a first
// byte just now, and where some waited in vain lately. It decides an order and
// nothing more: where all addresses are bad, all are tried. The zero value knows
// nothing; a nil one learns nothing. Safe for concurrent use.
type memory struct {
	mu      sync.Mutex
	waiting map[string]int
	failed  map[string]time.Time
}

// begin notes that an exchange uses the address.
func (m *memory) begin(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting == nil {
		m.waiting = map[string]int{}
	}
	m.waiting[address]++
}

// end notes that an exchange that had begun ended.
func (m *memory) end(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting[address]--; m.waiting[address] <= 0 {
		delete(m.waiting, address)
	}
}

// learn notes whether an address answered.
func (m *memory) learn(address string, answered bool) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if answered {
		delete(m.failed, address)
		return
	}
	if m.failed == nil {
		m.failed = map[string]time.Time{}
	}
	m.failed[address] = time.Now()
}

// bad tells whether the address failed lately.
func (m *memory) bad(address string) bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at, failed := m.failed[address]
	if failed && time.Since(at) > grudge {
		delete(m.failed, address)
		return false
	}
	return failed
}

// order sorts addresses: those of which nothing bad is known first, then those
// where somebody waits, then those that failed; otherwise they stay as they are.
func order[T any](m *memory, all []T, address func(T) string) []T {
	rank := func(x T) int {
		a := address(x)
		if m.bad(a) {
			return 2
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		return min(m.waiting[a], 1)
	}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(x, y T) int { return rank(x) - rank(y) })
	return out
}
