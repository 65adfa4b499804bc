package attempt

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"ragtime/shared/deadline"
)

// Policy is how the calls of one kind are repeated, and what these calls share:
// the latencies they saw, and the budget of extra attempts. An adapter makes
// one for each kind of call whose latencies compare (a query's embedding is one
// kind, a batch of chunks another) and keeps it as long as the process.
// Safe for concurrent use.
type Policy struct {
	options Options

	mu        sync.Mutex
	latencies []time.Duration // of the first attempts of the last window successes, in a ring; unknown where another was quicker
	next      int             // where in the ring the next one goes
	calm      int             // calls since one hung
	ration    ration          // of calls that have an operation's whole time
	impatient ration          // of those that a client's wish gave less
}

// Options tune a Policy. The zero value is what most calls want.
type Options struct {
	Max     int           // attempts at the most; 0 is 4
	Backoff time.Duration // the pause after a failure, doubled after each one more; 0 is 50 ms
	// OneSends is for calls that must not run twice at once: an extra attempt is
	// only made beside another one while neither has sent its request, and the
	// first that is connected sends. An attempt must answer, or commit itself, within
	// the Policy's patience, so that another one can follow it.
	OneSends bool
	// Patient waits out a rate limit for as long as there is time, paced by what the
	// service asks. Such attempts count neither against Max nor against the ration:
	// they are how a service that throttles is meant to be used.
	Patient bool
}

// longestPause is the longest between attempts of a Patient policy that is not
// asked for by the service.
const longestPause = time.Second

const (
	// coldDelay is how long a process without experience waits before it makes a
	// second attempt beside the first, and coldAnswer where the first has sent its
	// request by then: a connection takes no longer, an answer may (embeddings take 0.2 to 0.6 s).
	coldDelay  = 400 * time.Millisecond
	coldAnswer = 700 * time.Millisecond
	// leastDelay is how long any does: less than a person notices, and more than
	// a busy machine hiccups.
	leastDelay = 100 * time.Millisecond
	// window is how many latencies count, the newest.
	window = 128
	// tail is the quantile of the latencies after which an attempt is suspected to
	// hang. Few say little of the largest to come: of n, it is stretched by stretch/n.
	tail, stretch = 0.975, 2.0
	// surely is how far above their median an attempt hangs, if nearly all are below 1: as a
	// power of their spread, which doubt/n stretches where there are few. Of lognormal
	// latencies these are three and a half standard deviations.
	surely, doubt = 1.75, 8.0

	// plenty is the ration, and experienced the number of latencies, from which the
	// first extra attempt is a pair where hangs were seen lately: an attempt that has
	// taken longer than nearly all ever do hangs then, most likely, and two new ones halve
	// the wait for the slower half of answers. lately is in calls.
	plenty, experienced, lately = full / 2, 10, 100
)

// New makes a Policy.
func New(o Options) *Policy {
	if o.Max == 0 {
		o.Max = 4
	}
	if o.Backoff == 0 {
		o.Backoff = 50 * time.Millisecond
	}
	return &Policy{options: o, ration: newRation(), impatient: newRation(), calm: lately}
}

// delay is how long to wait for an attempt before making another one beside it,
// and how many to make then; cold if it comes of no experience. Half of the time left is the most.
func (p *Policy) delay(left time.Duration, s share) (after time.Duration, extra int, cold bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	after, extra, cold = coldDelay, 1, true
	if at, _, n := p.nearlyAll(); n > 0 && !p.options.OneSends {
		cold = false
		after = max(leastDelay, time.Duration(float64(at)*(1+stretch/float64(n))).Round(time.Millisecond))
		if n >= experienced && s.available() >= plenty && p.calm < lately {
			extra = 2
		}
	}
	return min(after, left/2), extra, cold
}

const (
	// patient is how many times the tail of the latencies an attempt is waited for
	// that must not run twice: abandoning it may cost what it did so far.
	patient = 3
	// leastPatience is the least that it is.
	leastPatience = 2 * time.Second
)

// unknown is the latency of an attempt that was given up because another one was
// quicker: longer than any that is known.
const unknown = time.Duration(math.MaxInt64)

// nearlyAll is what nearly all attempts took: the tail of the latencies, or the
// longest that is known where more than the tail's share is not. n is how many
// it was made of; 0 for none.
func (p *Policy) nearlyAll() (at, median time.Duration, n int) {
	sorted := slices.Sorted(slices.Values(p.latencies))
	known, _ := slices.BinarySearch(sorted, unknown)
	if known == 0 {
		return 0, 0, 0
	}
	n = len(sorted)
	return sorted[min(known, int(math.Ceil(tail*float64(n))))-1], sorted[min(known-1, n/2)], n
}

// hang is how long an attempt must have run to be called hung when another one, which took
// quick, has overtaken it: longer than one that is merely slow. Where latencies are much
// alike that is little more than nearly all took.
func (p *Policy) hang(quick time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, median, n := p.nearlyAll()
	if n == 0 {
		at, median = quick, quick
	}
	spread := float64(at) / float64(median) * (1 + doubt/float64(max(n, 3)))
	return time.Duration(math.Pow(spread, surely) * float64(median))
}

// patience is how long an attempt may take until it answers or commits itself,
// where only one may send: a multiple of what nearly all took, and half of the
// time left at the most.
func (p *Policy) patience(left time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _, n := p.nearlyAll()
	if n < experienced {
		return left / 2
	}
	return min(max(leastPatience, patient*at), left/2)
}

// take takes an extra attempt from the ration, if there is one.
func (p *Policy) take(s share) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.available() < 1 {
		return false
	}
	s.take()
	return true
}

// affordable tells whether take would succeed.
func (p *Policy) affordable(s share) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.available() >= 1
}

// shareOf is what calls with this context may take from.
func (p *Policy) shareOf(ctx context.Context) share {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	if deadline.Wished(ctx) {
		return share{&p.impatient, tenant}
	}
	return share{&p.ration, tenant}
}

// succeeded learns from the attempt that answered, and whether another one hung.
func (p *Policy) succeeded(s share, latency time.Duration, hung bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.succeeded()
	p.calm++
	if hung {
		p.calm = 0
	}
	if len(p.latencies) < window {
		p.latencies = append(p.latencies, latency)
		return
	}
	p.latencies[p.next] = latency
	p.next = (p.next + 1) % window
}

// recordFailure learns from a call that failed in spite of extra attempts.
func (p *Policy) recordFailure(s share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calm = 0
	s.failed()
}
