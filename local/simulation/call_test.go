package simulation

import (
	"context"
	"slices"
	"sync"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// call is one attempt.Do, as it truly went.
type call struct {
	*network
	seed    uint64
	name    [2]int // its caller and request, from 1
	step    fault.Step
	stage   *stage
	index   int // in the stage, from 0
	policy  *policy
	account *account
	record  *evidence.Record

	ctx        context.Context // the step's
	start, end time.Time
	limit      time.Time // when its step's time is spent
	left       time.Time // when its client goes away; zero if it does not
	before     seen      // what the policy had learned when it began
	result     int
	err        error

	mu      sync.Mutex
	trials  []*trial
	limited bool // the next attempt follows a rate limit that is waited out
	wrong   []string
}

// trial is one attempt, as it truly went.
type trial struct {
	number     int
	start, end time.Time // end is zero while it runs
	spells     []spell
	sent       time.Time // zero: it did not send
	committed  time.Time // zero: it did not commit itself
	connection string
	asked      []int         // DNS servers, in order; wired only
	dialed     []int         // hosts, in order; wired only
	rested     time.Duration // how long its connection did before it sent; wired only
	host       int           // that it connected to, or tries to; -1: none yet
	err        error
	cut        bool // the call, or its step, ended it
	bounded    bool // a time of its own ended it
	tokens     float64
	free       bool // it follows a rate limit that is waited out
}

// spell is a time in a phase.
type spell struct {
	phase fault.Phase
	since time.Time
}

func (c *call) run(ctx context.Context) (int, error) {
	c.ctx, c.start, c.before = ctx, time.Now(), c.policy.seen()
	c.result, c.err = attempt.Do(ctx, c.policy.real, c.try)
	c.end = time.Now()
	return c.result, c.err
}

func (c *call) began(number int) *trial {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &trial{number: number, start: time.Now(), host: -1, free: c.limited}
	c.trials = append(c.trials, t)
	slices.SortFunc(c.trials, func(a, b *trial) int { return a.number - b.number })
	c.limited = false
	if number > 1 {
		t.tokens = c.account.take(t.free)
	}
	return t
}

func (c *call) entered(t *trial, p fault.Phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.end.IsZero() {
		return // what a peer notices at the same moment
	}
	if p == fault.PhaseBlocked || t.last().phase.Before(p) { // they go forward
		t.spells = append(t.spells, spell{p, time.Now()})
	}
}

func (c *call) sent(t *trial)                  { c.set(func() { t.sent = time.Now() }) }
func (c *call) committed(t *trial)             { c.set(func() { t.committed = time.Now() }) }
func (c *call) connected(t *trial, how string) { c.set(func() { t.connection = how }) }
func (c *call) uses(t *trial, host int)        { c.set(func() { t.host = host }) }

func (c *call) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *call) ended(t *trial, err error, ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.end, t.err, t.cut = time.Now(), err, ctx.Err() != nil
	if cause := fault.From(context.Cause(ctx)); t.cut && c.ctx.Err() == nil && cause.Kind == fault.Timeout {
		t.err, t.cut, t.bounded = cause, false, true
	}
	if last := t.last(); c.wired != nil && t.yielded() && last.phase == fault.PhaseSend && last.since.Equal(t.end) {
		t.spells = t.spells[:len(t.spells)-1] // it was connected, and did not begin to send
	}
	if !t.cut && t.kind() == fault.RateLimited && c.policy.options.Patient {
		c.limited = true
	}
}

// kind is the kind of the fault that the attempt returned; -1 for none.
func (t *trial) kind() fault.Kind {
	if t.err == nil {
		return -1
	}
	return fault.From(t.err).Kind
}

// earlier is the attempts of the step's earlier calls.
func (c *call) earlier() (all []*trial) {
	for _, b := range c.stage.calls[:c.index] {
		all = append(all, b.trials...)
	}
	return all
}

// answered tells whether the attempt gave an answer.
func (t *trial) answered() bool { return !t.end.IsZero() && t.err == nil }

// failed tells whether the attempt failed by itself.
func (t *trial) failed() bool { return t.err != nil && !t.cut && !t.yielded() }

// yielded tells whether the attempt was not to send, since another one had.
func (t *trial) yielded() bool { return t.kind() == fault.Canceled && !t.cut }

// last is the phase in which the attempt is, or ended, and since when.
func (t *trial) last() spell {
	if n := len(t.spells); n > 0 {
		return t.spells[n-1]
	}
	return spell{since: t.start}
}

// running tells whether the attempt was under way at a moment.
func (t *trial) running(at time.Time) bool {
	return !t.start.After(at) && (t.end.IsZero() || t.end.After(at))
}
