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
	usual, impatient account

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
	for _, a := range []*account{&p.usual, &p.impatient} {
		a.high, a.low = reserve, reserve
	}
	return p
}

const (
	reserve = 20.0 // extra attempts at the most in a row
	earning = 0.1  // of one, for each success
	newest  = 128  // successes that count
)

// account is the ration as it should be. Where the model cannot know whether an attempt
// was paid for, high is the most that may be left, and low the least.
type account struct {
	mu        sync.Mutex
	high, low float64
	history   []balance
}

type balance struct {
	at  time.Time
	low float64
}

// take pays for an extra attempt, and returns the most that may be left. One that
// follows a rate limit which is waited out is free, if it was the only one.
func (a *account) take(free bool) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !free {
		a.high--
	}
	a.low--
	a.note()
	return a.high
}

func (a *account) earn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.high = min(reserve, a.high+earning)
	a.low = min(reserve, a.low+earning)
	a.note()
}

// fail is for a call that the service failed in spite of extra attempts.
func (a *account) fail(surely bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	spent := func(tokens float64) float64 {
		if tokens >= 2 {
			return 1
		}
		return min(0, tokens)
	}
	a.low = min(a.low, spent(a.low))
	if surely {
		a.high = spent(a.high)
	}
	a.note()
}

func (a *account) note() { a.history = append(a.history, balance{time.Now(), a.low}) }

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
