package simulation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/fault"
)

// schedule is what is drawn from a seed. Zero times are the process's start.
type schedule struct {
	seed     uint64
	wired    bool       // the network is modelled below wire, and not above it
	services [2]service // of the steps embed and search
	callers  []caller
	freezes  []window // nothing on the network moves
}

// service is a remote service, its network, and the policy of the calls to it.
type service struct {
	options attempt.Options
	median  time.Duration // of its answers
	sigma   float64       // of their logarithm
	trip    time.Duration // of a packet there and back
	stray   float64       // the share of attempts that hang somewhere
	failing float64       // the share of attempts that fail
	healthy bool          // nothing ever fails, hangs or freezes
	stream  bool          // its answers come in parts: attempts commit themselves
	dies    time.Duration // after which a resting connection is dead; 0: it never is
	silent  bool          // a dead connection is silent, and not closed
	lookups time.Duration // that its only DNS server takes beside the round trip; over the wire only
	drops6  bool          // its DNS servers drop questions for IPv6 addresses; over the wire only
	servers []host        // of DNS
	hosts   []host        // addresses
}

// host is an address, or a DNS server, and what is wrong with it.
type host struct {
	bad   []window
	phase fault.Phase // where it is silent then; empty: it refuses
}

type window struct{ from, to time.Duration }

// caller is a client whose requests come one after the other.
type caller struct {
	tenant   int
	first    time.Duration
	requests int
	rest     time.Duration // between them, on average
	wish     time.Duration // 0: none
	left     time.Duration // that its invocation has; 0: no end
	leaves   float64       // the share of requests whose client goes away
}

const ms = time.Millisecond

// draw makes the schedule of a seed.
func draw(seed uint64) *schedule {
	r := rand.New(rand.NewPCG(seed, 0))
	s := &schedule{seed: seed, wired: r.Float64() < *overWire}
	healthy := r.IntN(8) == 0
	for i := range s.services {
		s.services[i] = drawService(r, healthy)
	}
	for range 1 + r.IntN(4)*r.IntN(2) {
		s.callers = append(s.callers, drawCaller(r, healthy))
	}
	if r.IntN(16) == 0 { // a process with experience
		s.callers[0].requests += 20
		s.callers[0].wish, s.callers[0].left, s.callers[0].leaves = 0, 0, 0
	}
	if !healthy && r.IntN(6) == 0 {
		s.freezes = append(s.freezes, drawWindow(r, 20*time.Second, 5*time.Second))
	}
	return s
}

func drawService(r *rand.Rand, healthy bool) service {
	v := service{
		median: pick(r, 5*ms, 50*ms, 200*ms, 400*ms, 400*ms, 1500*ms),
		sigma:  pick(r, 0, 0.2, 0.7),
		trip:   pick(r, 100*time.Microsecond, 5*ms, 20*ms, 100*ms),
	}
	v.options.OneSends = r.IntN(5) == 0
	v.options.Patient = !v.options.OneSends && r.IntN(5) == 0
	v.stream = r.IntN(2) == 0 && (v.options.OneSends || !v.options.Patient && r.IntN(8) == 0)
	if r.IntN(3) == 0 {
		v.options.Max = 1 + r.IntN(5)
	}
	if r.IntN(6) == 0 {
		v.options.Backoff = pick(r, 10*ms, 200*ms, 1000*ms)
	}
	v.servers = make([]host, 1+r.IntN(2))
	v.hosts = make([]host, 1+r.IntN(3))
	if healthy {
		v.healthy, v.median = true, min(v.median, 400*ms)
		return v
	}
	v.stray = pick(r, 0, 0, 0.05, 0.2, 0.6, 1)
	v.failing = pick(r, 0, 0, 0.05, 0.3, 1)
	v.dies = pick(r, 0, 0, 500*ms, 5*time.Second)
	v.silent = r.IntN(2) == 0
	v.drops6 = r.IntN(6) == 0
	if len(v.servers) == 1 && r.IntN(6) == 0 {
		v.lookups = 3400 * ms
	}
	for i := range v.servers {
		if r.IntN(6) == 0 {
			v.servers[i] = drawHost(r, fault.PhaseDNS)
		}
	}
	for i := range v.hosts {
		if r.IntN(5) == 0 {
			v.hosts[i] = drawHost(r, fault.PhaseConnect, fault.PhaseTLS, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive)
		}
	}
	return v
}

func drawHost(r *rand.Rand, phases ...fault.Phase) host {
	h := host{bad: []window{{0, math.MaxInt64}}, phase: pick(r, phases...)}
	if r.IntN(2) == 0 {
		h.bad = []window{drawWindow(r, 20*time.Second, 20*time.Second), drawWindow(r, 60*time.Second, 20*time.Second)}
	}
	if r.IntN(4) == 0 {
		h.phase = ""
	}
	return h
}

func drawWindow(r *rand.Rand, before, lasts time.Duration) window {
	from := time.Duration(r.Int64N(int64(before)))
	return window{from, from + time.Duration(r.Int64N(int64(lasts)))}
}

func drawCaller(r *rand.Rand, healthy bool) caller {
	c := caller{
		tenant:   r.IntN(2),
		first:    time.Duration(r.Int64N(int64(10 * time.Second))),
		requests: 1 + r.IntN(3),
		rest:     pick(r, ms, 100*ms, 3*time.Second, 20*time.Second),
	}
	if healthy {
		return c
	}
	if r.IntN(3) == 0 {
		c.wish = time.Duration(1 + r.Int64N(int64(pick(r, 200*ms, 2*time.Second, 30*time.Second))))
	}
	if r.IntN(3) == 0 {
		c.left = time.Duration(r.Int64N(int64(28 * time.Second)))
	}
	if r.IntN(5) == 0 {
		c.leaves = 0.2
	}
	return c
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// within tells whether t is in one of the windows, and when that one ends.
func within(all []window, t time.Duration) (until time.Duration, in bool) {
	for _, w := range all {
		if w.from <= t && t < w.to {
			return w.to, true
		}
	}
	return 0, false
}

// String tells what was drawn, for the person who reads a failure.
func (s *schedule) String() string {
	var b strings.Builder
	for i, v := range s.services {
		fmt.Fprintf(&b, "service of step %s: answers after %v (sigma %.1f), round trip %v, %.0f %% of attempts hang, %.0f %% fail; policy %+v",
			steps[i], v.median, v.sigma, v.trip, 100*v.stray, 100*v.failing, v.options)
		if v.stream {
			b.WriteString("; a stream")
		}
		if v.dies > 0 {
			fmt.Fprintf(&b, "; resting connections die after %v, silent %t", v.dies, v.silent)
		}
		if v.drops6 && s.wired {
			b.WriteString("; questions for IPv6 addresses are dropped")
		}
		if v.lookups > 0 && s.wired {
			fmt.Fprintf(&b, "; its DNS server takes %v", v.lookups)
		}
		b.WriteString("\n")
		hosts(&b, "DNS server", v.servers)
		hosts(&b, "address", v.hosts)
	}
	for _, w := range s.freezes {
		fmt.Fprintf(&b, "nothing moves from %v\n", w)
	}
	for i, c := range s.callers {
		fmt.Fprintf(&b, "caller %d, of tenant %d: %d requests from %v, %v apart, wish %v, invocation %v, %.0f %% go away\n",
			i+1, c.tenant, c.requests, c.first, c.rest, c.wish, c.left, 100*c.leaves)
	}
	return b.String()
}

func hosts(b *strings.Builder, what string, all []host) {
	for i, h := range all {
		how := "well"
		if h.bad != nil {
			how = fmt.Sprintf("silent in %s from %v", h.phase, h.bad)
			if h.phase == "" {
				how = fmt.Sprintf("refusing from %v", h.bad)
			}
		}
		fmt.Fprintf(b, "  %s %d: %s\n", what, i+1, how)
	}
}

func (w window) String() string {
	if w.to == math.MaxInt64 {
		return fmt.Sprintf("%v for ever", w.from)
	}
	return fmt.Sprintf("%v to %v", w.from, w.to)
}
