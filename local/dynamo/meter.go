package dynamo

import (
	"context"
	"net/http"
	"sync"
)

// Meter adds up what the calls that came through it cost, whether they asked
// for it or not. It is safe for concurrent use; the zero Meter is at zero.
type Meter struct {
	mu  sync.Mutex
	now Usage
}

// Usage is what calls cost, see the figures in capacity.go.
type Usage struct {
	Calls             int
	Reads, Writes     float64 // units
	Indexed, Searched float64 // bytes of vector indexes, written and examined
	Throttled         int     // calls, and items and keys of batches, that were not let through
}

type meterKey struct{}

// Wrap stands before a DB and meters what comes through it.
func (m *Meter) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.add(func(u *Usage) { u.Calls++ })
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), meterKey{}, m)))
	})
}

// Take gives what was added since the last time.
func (m *Meter) Take() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.now
	m.now = Usage{}
	return u
}

func (m *Meter) add(change func(*Usage)) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.now)
}

func meterOf(ctx context.Context) *Meter {
	m, _ := ctx.Value(meterKey{}).(*Meter)
	return m
}
