package network

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"ragtime/shared/fault"
)

// Fault is a kind of fault, switched on.
type Fault struct {
	Name string `json:"fault"` // a Kind's
	// Times limits the fault to the first so many queries, connections or requests,
	// depending on its kind. 0 is no limit.
	Times int `json:"times,omitempty"`
	// Share is the part of those that meet the fault: 0.05 is one of each 20, at
	// random within each 20. 0 is all.
	Share float64 `json:"share,omitempty"`
	MinMS int     `json:"min_ms,omitempty"` // slow only
	MaxMS int     `json:"max_ms,omitempty"` // slow only
}

// activeFault is a fault that is on at a host.
type activeFault struct {
	Fault
	kind Kind
	off  chan struct{} // closed when it is no longer on

	mu      sync.Mutex
	offered int // how many queries, connections or requests could have met it
	hits    int // how many did
	spans   int // how many spans of length 1/Share have their hit chosen
	nextHit int // the value of offered at which the next one meets it
}

// newActiveFault makes an activeFault. It returns an error for a fault that the service cannot have.
func (h *Host) newActiveFault(f Fault) (*activeFault, error) {
	a := &activeFault{Fault: f, off: make(chan struct{})}
	var names []string
	for _, k := range h.kinds {
		names = append(names, k.Name)
		if k.Name == f.Name {
			a.kind = k
		}
	}
	switch {
	case a.kind.Name == "":
		return nil, fmt.Errorf("there is no fault %q; there are %s", f.Name, strings.Join(names, ", "))
	case f.Times < 0:
		return nil, errors.New("times must not be negative")
	case f.Share < 0 || f.Share >= 1:
		return nil, errors.New("share must be at least 0, which means all, and below 1")
	case f.Name == kindSlow && (f.MinMS < 0 || f.MaxMS < f.MinMS || f.MaxMS == 0):
		return nil, errors.New("slow needs min_ms of at least 0, and max_ms of at least min_ms and 1")
	case f.Name != kindSlow && (f.MinMS != 0 || f.MaxMS != 0):
		return nil, fmt.Errorf("%s has no min_ms and max_ms: only slow has", f.Name)
	case f.Name == "server-stopped" && (f.Times != 0 || f.Share != 0):
		return nil, errors.New("server-stopped has neither times nor share: a server is stopped or it is not")
	case a.kind.linux && (!manyLoopbacks || h.address != loopback):
		return nil, fmt.Errorf("%s needs the loopback addresses that Linux has", f.Name)
	case h.plain && a.kind.layer == atAccept && a.kind.Phase == fault.PhaseTLS:
		return nil, fmt.Errorf("%s: services are served without TLS on this system", f.Name)
	}
	if f.Share > 0 {
		a.chooseHit()
	}
	return a, nil
}

// chooseHit sets nextHit to one place at random in the next span of 1/Share places.
func (a *activeFault) chooseHit() {
	a.nextHit = max(a.offered, int((float64(a.spans)+rand.Float64())/a.Share))
	a.spans++
}

// usedUp reports whether the fault was met as often as Times allows.
func (a *activeFault) usedUp() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Times > 0 && a.hits == a.Times
}

// meet reports whether the query, connection or request that comes now meets the fault. It counts both cases.
func (a *activeFault) meet() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Times > 0 && a.hits == a.Times {
		return false
	}
	if a.Share > 0 {
		n := a.offered
		a.offered++
		if n != a.nextHit {
			return false
		}
		a.chooseHit()
	}
	a.hits++
	return true
}
