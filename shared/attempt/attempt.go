// Package attempt tries a call again when that may help, within the time that
// its step has.
//
// A call begins with one attempt. When that one takes longer than nearly all
// did before it, others start beside it, each on its own connection; when it
// fails in a way that another may not, the next follows after a pause. The first
// answer wins: the other attempts are cancelled and waited for. What is worth
// another try is the fault's Kind to say; when the remote service asks to wait
// longer than there is time, the call fails at once with what the service said.
//
// Extra attempts are rationed by the Policy that calls of one kind share. They
// come to a tenth of the successful calls at the most, beyond a small reserve. A
// call that fails in spite of them, because of the service, leaves one of the reserve, and the
// next none: so an outage sees at most a few extra attempts however long it
// lasts, and a stray hang is survived. Calls whose time a client's own wish cut
// short have a ration of their own, and each tenant has a share, so that neither the
// impatient nor the unlucky cost anybody else.
//
// It works on functions that return decoded values, never on responses whose
// body someone else may still read.
package attempt

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// Do calls f until one of its attempts succeeds, one fails for good, the
// policy allows no more, or the time of ctx is spent. f must be safe to call at
// once from several goroutines, classify its errors as faults, and return soon
// after its context is done: Do returns when all of its calls have. The error is
// a fault with the step, the phase and every attempt.
func Do[T any](ctx context.Context, p *Policy, f func(context.Context) (T, error)) (T, error) {
	ctx, end := evidence.Call(ctx)
	defer end()
	all, abandon := context.WithCancelCause(ctx)
	c := &call[T]{policy: p, share: p.shareOf(ctx), f: f, ctx: ctx, all: all, abandon: abandon, start: time.Now(),
		results: make(chan result[T], p.options.Max)}
	defer abandon(nil)
	return c.run()
}

// call is one run of Do. All of it but the attempts runs in one goroutine.
type call[T any] struct {
	policy  *Policy
	share   share
	f       func(context.Context) (T, error)
	ctx     context.Context // the step's
	all     context.Context // of all attempts; done when one of them decided the call
	abandon context.CancelCauseFunc
	start   time.Time
	sender  sender       // which attempt sends, where only one may
	commit  atomic.Int32 // the number of the attempt that gave the caller part of its answer; 0: none did

	results  chan result[T]
	attempts []*evidence.Attempt
	over     []bool // by number, whether it ended
	running  int
	failures int
	last     result[T]   // of the attempt that failed last
	timer    *time.Timer // when the next attempt is due
	spacing  time.Duration
	cold     bool // spacing began without experience
	hung     bool // an attempt did
	extra    int  // how many attempts are made when it is
	waits    int  // attempts that met a rate limit which is waited out
	waiting  bool // the next attempt follows such a one

	notBefore time.Time // until when the service asks to wait
}

type result[T any] struct {
	number  int
	value   T
	fault   *fault.Error // nil if the attempt succeeded
	latency time.Duration
}

func (c *call[T]) run() (T, error) {
	if c.ctx.Err() != nil {
		return c.spent() // by the step's calls before this one
	}
	c.begin()
	c.spacing, c.extra, c.cold = c.policy.delay(c.left(), c.share)
	c.timer = time.NewTimer(c.spacing)
	defer c.timer.Stop()
	for {
		select {
		case r := <-c.results:
			c.ended(r)
			if r.fault == nil {
				return c.won(r)
			}
			if c.ctx.Err() != nil && c.running > 0 {
				return c.spent()
			}
			if r.fault == errYielded && c.running > 0 {
				continue
			}
			if r.fault != errYielded {
				c.last = r
			}
			if !c.again() {
				return c.lost()
			}
		case <-c.timer.C:
			c.due()
			if c.running == 0 { // the budget was spent by others meanwhile
				return c.lost()
			}
		case <-c.ctx.Done():
			return c.spent()
		}
	}
}

// begin starts an attempt.
func (c *call[T]) begin() {
	number := len(c.attempts) + 1
	ctx, a := evidence.NewAttempt(c.all, number)
	start := time.Now()
	c.attempts = append(c.attempts, a)
	c.over = append(c.over, false)
	c.running++
	stop := func() {}
	if c.policy.options.OneSends {
		a.OnSend(func() error { return c.sender.claim(number) })
		if left := c.left(); left > worthSharing && number < c.policy.options.Max {
			ctx, stop = c.bounded(ctx, c.policy.patience(left))
		}
	}
	var committed atomic.Int64 // how long after its start the attempt committed itself
	ctx = context.WithValue(ctx, commitKey{}, func() {
		if committed.CompareAndSwap(0, int64(max(1, time.Since(start)))) {
			c.commit.Store(int32(number))
			stop()
		}
	})
	go func() {
		defer stop()
		r := c.try(ctx, number)
		a.End(asError(r.fault))
		r.latency = time.Since(start)
		if d := committed.Load(); d > 0 {
			r.latency = time.Duration(d)
		}
		c.sender.release(number)
		c.results <- r
	}()
}

// worthSharing is the time under which an attempt gets all that is left: half
// of it would hardly see an answer of a healthy service.
const worthSharing = time.Second

// try calls f, and makes faults of its error and its panic.
func (c *call[T]) try(ctx context.Context, number int) (r result[T]) {
	r.number = number
	defer func() {
		if v := recover(); v != nil {
			r.fault = &fault.Error{Kind: fault.Internal, Detail: "internal error", Cause: fault.NewPanic(v)}
		}
	}()
	v, err := c.f(ctx)
	if err == nil {
		r.value = v
		return r
	}
	r.fault = fault.From(err)
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done() // a socket's deadline may be a moment ahead of its context
	}
	if ctx.Err() != nil {
		// What a call returns when its context ends is whatever it was doing;
		// the cause says who ended it.
		cause := *fault.From(context.Cause(ctx))
		cause.Cause = err
		switch c.ctx.Err() {
		case context.DeadlineExceeded:
			cause.Detail = "cut when the step's time was spent"
		case context.Canceled:
			// Another call of the step failed, which is no fault of this one's service.
			cause.Kind, cause.Detail = fault.Canceled, givenUp
		}
		r.fault = &cause
	}
	return r
}

const givenUp = "given up with the step, before its time was spent"

func (c *call[T]) ended(r result[T]) {
	c.running--
	c.over[r.number-1] = true
}

// again sees to the next attempt after a failure. It returns false if the call
// has failed with it.
func (c *call[T]) again() bool {
	c.failures++
	if !c.last.fault.Kind.Retryable() || c.commit.Load() != 0 {
		return false
	}
	if c.patient() {
		return c.waitOut()
	}
	pause := c.pause()
	if c.last.fault.Kind == fault.Timeout {
		c.hung = true
		pause = c.asked() // nothing more: it has waited already
	}
	if c.rationed() >= c.policy.options.Max || !c.policy.affordable(c.share) || c.left() < pause+deadline.Least {
		c.timer.Stop()
		return c.running > 0
	}
	if c.running == 0 {
		evidence.Backoff(c.ctx)
	}
	c.timer.Reset(pause)
	c.extra = 1
	return true
}

// pause is how long to wait after a failure: what the service asks for, or the backoff
// where that is longer. Those who were asked to wait together do not come back
// together: up to a tenth is added, as far as there is time for it.
func (c *call[T]) pause() time.Duration {
	own := jitter(c.policy.options.Backoff << (c.failures - 1 - c.waits))
	asked := c.asked()
	if asked <= 0 {
		return own
	}
	spread := rand.N(asked/spreadOver + 1)
	return max(own, asked+min(spread, max(0, c.left()-deadline.Least-asked)))
}

// asked is how long the service still asks to wait, whichever attempt it told. A failure
// of another one beside that does not lift it.
func (c *call[T]) asked() time.Duration {
	if until := time.Now().Add(c.last.fault.RetryAfter); until.After(c.notBefore) {
		c.notBefore = until
	}
	return max(0, time.Until(c.notBefore))
}

// spreadOver is which part of a pause that a service asks for is added to it at the most.
const spreadOver = 10

// rationed is how many attempts count against the policy's Max.
func (c *call[T]) rationed() int { return len(c.attempts) - c.waits }

// due makes the attempts that are due now, as far as the budget goes.
func (c *call[T]) due() {
	if c.waiting {
		c.waiting = false
		if c.left() >= deadline.Least {
			c.begin()
		}
		c.timer.Reset(c.spacing)
		return
	}
	if c.cold && !c.policy.options.OneSends && len(c.attempts) == 1 && c.running == 1 && !c.attempts[0].At().Before(fault.PhaseWait) {
		c.cold = false
		if more := min(coldAnswer, c.left()/2) - time.Since(c.start); more > 0 {
			c.timer.Reset(more)
			return
		}
	}
	refused := false
	for range c.extra {
		if c.rationed() < c.policy.options.Max && c.mayOverlap() && c.left() >= deadline.Least {
			if refused = !c.policy.take(c.share); !refused {
				c.begin()
			}
		}
	}
	c.extra = 1
	if !refused { // else there may be one soon
		c.spacing *= 2
	}
	c.timer.Reset(c.spacing)
}

// mayOverlap tells whether an attempt may run beside those that do now.
func (c *call[T]) mayOverlap() bool {
	if c.commit.Load() != 0 {
		return false
	}
	return c.running == 0 || !c.policy.options.OneSends || !c.sender.sent()
}

// won ends the call with the answer of an attempt.
func (c *call[T]) won(r result[T]) (T, error) {
	latency := r.latency
	for i, a := range c.attempts[:r.number-1] {
		if c.over[i] {
			continue
		}
		// How long it would have taken is not known, and how long the quicker one took
		// says little of how long answers take.
		latency = unknown
		c.hung = a.Overtaken(c.policy.hang(r.latency)) || c.hung
	}
	c.cancelRest(fault.New(fault.Canceled, "attempt %d answered first", r.number))
	c.policy.succeeded(c.share, latency, c.hung)
	return r.value, nil
}

// lost ends the call with the failure of its last attempt.
func (c *call[T]) lost() (T, error) {
	c.cancelRest(fault.New(fault.Canceled, "attempt %d failed for good", c.last.number))
	if c.patient() {
		return c.limited()
	}
	return c.fail(c.last.fault, evidence.Longest(c.attempts[c.last.number-1:c.last.number]))
}

// spent ends the call because the step's time is: the attempts still under way
// hung, and the one longest in its phase is to blame.
func (c *call[T]) spent() (T, error) {
	var hung []*evidence.Attempt
	for c.running > 0 {
		r := <-c.results
		c.ended(r)
		if r.fault == nil {
			return c.won(r)
		}
		hung = append(hung, c.attempts[r.number-1])
	}
	var at evidence.Position
	switch {
	case len(hung) > 0:
		at = evidence.Longest(hung)
	case c.patient():
		return c.limited()
	case len(c.attempts) > 0:
		at = c.attempts[len(c.attempts)-1].Paused()
	}
	why := fault.From(context.Cause(c.ctx))
	if c.ctx.Err() == context.Canceled {
		why = &fault.Error{Kind: fault.Canceled, Detail: givenUp, Cause: context.Cause(c.ctx)}
	}
	return c.fail(why, at)
}

// cancelRest ends the attempts under way and waits for them.
func (c *call[T]) cancelRest(why *fault.Error) {
	c.abandon(why)
	for c.running > 0 {
		r := <-c.results
		c.ended(r)
	}
}

// fail makes the call's fault out of an attempt's, or of the step's end.
func (c *call[T]) fail(f *fault.Error, at evidence.Position) (zero T, _ error) {
	if c.rationed() > 1 && ofTheService(f.Kind) && c.ctx.Err() != context.Canceled {
		c.policy.recordFailure(c.share)
	}
	out, step := *f, evidence.WholeOf(c.ctx)
	out.Step, out.Phase, out.Attempts = step.Name, at.Phase, step.Attempts
	if out.Kind == fault.Timeout {
		out.Phase, out.Detail = step.Timeout(at)
	}
	return zero, &out
}

// ofTheService tells whether a fault says that a service is in trouble. A conflict
// or a refusal is an answer, to however many attempts it came.
func ofTheService(k fault.Kind) bool { return k.Retryable() }

// left is the time that the step has left; plenty where it has no deadline.
func (c *call[T]) left() time.Duration {
	if end, ok := c.ctx.Deadline(); ok {
		return time.Until(end)
	}
	return deadline.Cap
}

// asError keeps a nil fault a nil error.
func asError(f *fault.Error) error {
	if f == nil {
		return nil
	}
	return f
}

// jitter spreads d over 50 to 150 % of itself, so that callers who failed
// together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}
