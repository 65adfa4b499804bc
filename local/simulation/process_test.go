package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/step"
)

var steps = [2]fault.Step{fault.StepEmbed, fault.StepSearch}

// keeps is what each step leaves to those after it.
var keeps = [2]time.Duration{6 * time.Second, 0}

// process is one life of a function process, in a bubble of virtual time.
type process struct {
	*schedule
	start    time.Time
	networks [2]*network
	policies [2]*policy

	mu    sync.Mutex
	calls []*call
	wrong []string // what broke a rule, with the call that it broke
	tally tally
}

// tally is what only many schedules together show.
type tally struct {
	calls, attempts, answers, survived int
	pauses, short, long                int // after a first attempt that was refused
	healthy, healthyExtra, healthyHung int // calls that met no fault, in a process with experience
}

func (p *process) run() {
	p.start = time.Now()
	for i := range p.services {
		p.networks[i] = &network{service: &p.services[i], start: p.start, freezes: p.freezes, failed: map[[2]int]time.Time{}}
		if p.wired {
			p.networks[i].random = rand.New(rand.NewPCG(p.seed, uint64(100+i)))
			p.networks[i].known = known{disliked: map[int]bool{}, failed: map[int]time.Time{}, silent: map[int]time.Time{}}
			p.networks[i].wired = newWired(p, i, p.networks[i])
		}
		p.policies[i] = newPolicy(p.services[i].options)
	}
	var all sync.WaitGroup
	for i, c := range p.callers {
		all.Go(func() { p.serve(i, c) })
	}
	all.Wait()
	for _, n := range p.networks {
		if n.wired != nil {
			n.wired.transport.CloseIdleConnections()
		}
	}
}

// serve makes a caller's requests, one after the other.
func (p *process) serve(number int, c caller) {
	random := rand.New(rand.NewPCG(p.seed, uint64(number+1)))
	time.Sleep(c.first)
	for i := range c.requests {
		p.request(random, [2]int{number + 1, i + 1}, c)
		time.Sleep(time.Duration(random.ExpFloat64() * float64(c.rest)))
	}
}

// request is one operation: it embeds, then searches.
func (p *process) request(random *rand.Rand, name [2]int, c caller) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	start := time.Now()
	budget := deadline.Cap
	if c.left > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.left)
		defer cancel()
		budget = min(budget, c.left-deadline.Reserve)
	}
	var leaves time.Time
	if random.Float64() < c.leaves {
		after := time.Duration(random.Int64N(int64(10 * time.Second)))
		leaves = start.Add(after)
		var leave context.CancelCauseFunc
		ctx, leave = context.WithCancelCause(ctx)
		why := pick(random, nil, error(fault.New(fault.Unavailable, "a call beside it failed")))
		timer := time.AfterFunc(after, func() { leave(why) })
		defer leave(nil)
		defer timer.Stop()
	}
	wished := c.wish > 0 && c.wish < budget
	if wished {
		budget = c.wish
	}
	ctx, cancel, got, err := deadline.Begin(ctx, c.wish)
	defer cancel()
	if budget < deadline.Least {
		if fault.From(err) == nil || fault.From(err).Kind != fault.Timeout {
			p.broken(nil, "budget: request %v began with %v left: %v", name, budget, err)
		}
		return
	}
	if err != nil || got != budget {
		p.broken(nil, "budget: request %v has %v, %v; want %v", name, got, err, budget)
		return
	}
	ctx, record := evidence.With(attempt.ForTenant(ctx, strconv.Itoa(c.tenant)))
	for i, s := range steps {
		if i > 0 && random.IntN(8) == 0 { // the process is busy
			time.Sleep(time.Duration(random.Int64N(int64(5 * time.Second))))
		}
		g := &stage{start: time.Now()}
		for range 1 + random.IntN(3)/2*random.IntN(4) { // most steps make one call
			k := &call{network: p.networks[i], seed: random.Uint64(), name: name, step: s, policy: p.policies[i],
				account: &p.policies[i].usual.tenants[c.tenant], record: record, left: leaves, stage: g, index: len(g.calls)}
			if wished {
				k.account = &k.policy.impatient.tenants[c.tenant]
			}
			g.calls = append(g.calls, k)
		}
		if !p.step(ctx, g, start.Add(budget), keeps[i]) {
			return
		}
	}
}

// stage is one run of a step: its calls, one after the other.
type stage struct {
	start   time.Time
	calls   []*call
	current atomic.Int32 // which call is under way
}

// step makes the calls of a step under the time that it should have, and tells whether
// they succeeded.
func (p *process) step(ctx context.Context, g *stage, end time.Time, keep time.Duration) bool {
	first := g.calls[0]
	left := time.Until(end)
	share := left - min(keep, left/2)
	gone := ctx.Err() != nil
	called := false
	stop := p.look(g, share)
	_, err := step.Run(ctx, first.step, keep, func(ctx context.Context) (last int, err error) {
		called = true
		for i, c := range g.calls {
			g.current.Store(int32(i))
			c.limit = g.start.Add(share)
			if last, err = c.run(ctx); err != nil || i+1 == len(g.calls) {
				stop()
			}
			c.settle()
			c.check(p)
			if *narrate {
				p.mu.Lock()
				p.calls = append(p.calls, c)
				p.mu.Unlock()
			}
			if err != nil {
				break
			}
			time.Sleep(time.Duration(c.seed % uint64(ms))) // what came unasked is there by then
		}
		return last, err
	})
	stop()
	if !called {
		if f := fault.From(err); share >= deadline.Least && !gone || f == nil || !gone && f.Kind != fault.Timeout {
			p.broken(first, "budget: the step was not tried, with %v left of %v: %v", share, left, err)
		}
		return false
	}
	if share < deadline.Least || gone {
		p.broken(first, "budget: the step was tried with %v left of %v", share, left)
	}
	return err == nil
}

// look compares, at a moment at random, where the record says that the operation is
// with where it is. The result stops it.
func (p *process) look(g *stage, share time.Duration) (stop func()) {
	seed := g.calls[0].seed
	if seed%4 != 0 {
		return func() {}
	}
	after := time.Duration(rand.New(rand.NewPCG(seed, 1)).Int64N(int64(min(max(share, 1), 2*time.Second))))
	timer := time.AfterFunc(after, func() {
		c := g.calls[g.current.Load()]
		got := c.record.Position()
		c.mu.Lock()
		defer c.mu.Unlock()
		want := evidence.Position{Step: c.step}
		now := time.Now()
		for _, t := range c.trials {
			if !t.end.IsZero() {
				continue
			}
			if at := t.last(); want.Attempt == 0 || now.Sub(at.since) > want.Elapsed {
				want.Call, want.Attempt, want.Phase, want.Elapsed = c.index+1, t.number, at.phase, now.Sub(at.since)
			}
		}
		if want.Attempt == 0 {
			if got.Attempt != 0 {
				c.wrong = append(c.wrong, fmt.Sprintf("position: the record has %+v, while no attempt ran", got))
			}
			return
		}
		if got != want {
			c.wrong = append(c.wrong, fmt.Sprintf("position: the record has %+v, want %+v", got, want))
		}
	})
	return func() { timer.Stop() }
}

// settle enters the call into the books of its policy.
func (c *call) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.policy
	if len(c.trials) > 1 {
		for i, a := range c.views() {
			if a.Lost == evidence.Hung || c.trials[i].failed() && c.trials[i].kind() == fault.Timeout {
				p.hang()
			}
		}
	}
	if c.err == nil {
		winner := c.trials[c.result-1]
		latency := winner.end.Sub(winner.start)
		if !winner.committed.IsZero() {
			latency = winner.committed.Sub(winner.start)
		}
		for _, t := range c.trials[:c.result-1] {
			if t.cut && !t.end.Before(winner.end) {
				p.maybe(latency, c.end.Before(c.over()))
				latency = 0
			}
		}
		p.learn(latency)
		c.account.earn()
		return
	}
	f := fault.From(c.err)
	if len(c.trials) > 1 && f.Kind.Retryable() {
		c.account.fail(c.waits() == 0)
		p.hang()
	}
}

// waits is how many rate limits were met by attempts that are waited out.
func (c *call) waits() (n int) {
	if c.policy.options.Patient {
		for _, t := range c.trials {
			if t.failed() && t.kind() == fault.RateLimited {
				n++
			}
		}
	}
	return n
}

// broken notes that a rule was broken.
func (p *process) broken(c *call, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := fmt.Sprintf(format, args...)
	if c != nil {
		s += "\n" + c.String()
	}
	p.wrong = append(p.wrong, s)
}
