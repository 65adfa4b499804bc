package simulation

import (
	"math"
	"slices"
	"sync"
	"time"

	"ragtime/shared/attempt"
)

// policy is an attempt.Policy, and what it should know.
type policy struct {
	real             *attempt.Policy
	options          attempt.Options // with their defaults
	usual, impatient rations

	mu        sync.Mutex
	latencies []time.Duration // of successes, the newest last; 0 where it is not known
	perhaps   time.Duration   // the slowest of which it cannot be known whether it counts
	hung      bool            // an attempt is known to have hung, or a call failed in spite of extra ones
}

func newPolicy(o attempt.Options) *policy {
	p := &policy{real: attempt.New(o), options: o}
	if p.options.Max == 0 {
		p.options.Max = 4
	}
	if p.options.Backoff == 0 {
		p.options.Backoff = 50 * ms
	}
	for _, r := range []*rations{&p.usual, &p.impatient} {
		for i := range r.tenants {
			r.tenants[i] = account{rations: r, tenant: i, balance: balance{reserve, reserve}}
		}
		r.common = balance{2 * reserve, 2 * reserve}
	}
	return p
}

const (
	reserve = 20.0 // extra attempts at the most in a row
	earning = 0.1  // of one, for each success
	newest  = 128  // successes that count
)

// rations are the accounts of the tenants, and what they have together.
type rations struct {
	tenants [2]account

	mu     sync.Mutex // guards the accounts, too
	common balance
	// Which tenants' calls failed since one succeeded: perhaps, and the last that surely did.
	failed map[int]bool
	last   int
	surely bool
	outage bool // the calls of two surely did
}

// account is a tenant's ration as it should be.
type account struct {
	*rations
	tenant int
	balance
	taken   time.Time // when the last one surely was
	failing bool      // a call surely failed, and none has succeeded since
	history []left
}

// balance is what is left. Where the model cannot know whether an attempt was paid for,
// high is the most that may be, and low the least.
type balance struct{ high, low float64 }

// left is the least that a tenant may spend from a moment on.
type left struct {
	at  time.Time
	low float64
}

// take pays for an extra attempt, and returns the most that may be left. One that
// follows a rate limit which is waited out is free, if it was the only one. One in five
// seconds may be made without any, while no call fails.
func (a *account) take(free bool) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.note()
	anyway := !a.failing && !a.outage && time.Since(a.taken) >= 5*time.Second
	perhaps := anyway && min(a.low, a.common.low) < 1 // it was made so
	a.low, a.common.low = max(0, a.low-1), max(0, a.common.low-1)
	if free {
		return reserve
	}
	a.taken = time.Now()
	left := min(a.high, a.common.high) - 1
	a.high = max(0, a.high-1)
	if !perhaps {
		a.common.high = max(0, a.common.high-1)
	}
	if anyway {
		return max(0, left)
	}
	return left
}

func (a *account) earn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for b, full := range map[*balance]float64{&a.balance: reserve, &a.common: 2 * reserve} {
		b.high = min(full, b.high+earning)
		b.low = min(full, b.low+earning)
	}
	a.failed, a.surely, a.outage, a.failing = map[int]bool{}, false, false, false
	a.note()
}

// fail is for a call that the service failed in spite of extra attempts. What
// all tenants have it takes only if another one's call failed before.
func (a *account) fail(surely bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.balance.spend(surely)
	if a.failed[1-a.tenant] {
		a.outage = surely && a.surely && a.last != a.tenant
		a.common.spend(a.outage)
	}
	if a.failed == nil {
		a.failed = map[int]bool{}
	}
	a.failed[a.tenant] = true
	if surely {
		a.last, a.surely, a.failing = a.tenant, true, true
	}
	a.note()
}

func (b *balance) spend(surely bool) {
	spent := func(tokens float64) float64 {
		if tokens >= 2 {
			return 1
		}
		return min(0, tokens)
	}
	b.low = min(b.low, spent(b.low))
	if surely {
		b.high = spent(b.high)
	}
}

// note keeps what each tenant may spend now: it depends on the others.
func (r *rations) note() {
	for i := range r.tenants {
		a := &r.tenants[i]
		a.history = append(a.history, left{time.Now(), min(a.low, r.common.low)})
	}
}

// least is the least that was surely there from one moment to another.
func (a *account) least(from, to time.Time) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := reserve
	for _, b := range slices.Backward(a.history) {
		if b.at.After(to) {
			continue
		}
		out = min(out, b.low)
		if b.at.Before(from) {
			break
		}
	}
	return out
}

// seen is what a policy has learned at a moment.
type seen struct {
	nearlyAll time.Duration // nine tenths of the answers were not slower; 0: none is known
	slowest   time.Duration
	unsure    bool // the policy may have learned more
	known     int  // of how many
	hung      bool
}

func (p *policy) seen() seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := slices.DeleteFunc(slices.Clone(p.latencies), func(d time.Duration) bool { return d == 0 })
	if len(known) == 0 {
		return seen{slowest: p.perhaps, unsure: p.perhaps > 0, hung: p.hung}
	}
	slices.Sort(known)
	n := len(known)
	return seen{
		nearlyAll: known[int(math.Ceil(0.9*float64(n)))-1],
		slowest:   max(known[n-1], p.perhaps),
		unsure:    p.perhaps > 0,
		known:     n,
		hung:      p.hung,
	}
}

func (p *policy) learn(latency time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latencies = append(p.latencies, latency)
	if len(p.latencies) > newest {
		p.latencies = p.latencies[1:]
	}
}

func (p *policy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung = true
}

// maybe is for a winner beside which another one was cut: at the end of a step's time
// all attempts end at once, and which was first is chance.
func (p *policy) maybe(latency time.Duration, surely bool) {
	if surely {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.perhaps = max(p.perhaps, latency)
}
