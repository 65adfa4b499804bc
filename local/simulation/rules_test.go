package simulation

import (
	"fmt"
	"slices"
	"time"

	"ragtime/shared/deadline"
	"ragtime/shared/fault"
)

// rules are what must hold of each call. Each returns what broke it, or "".
var rules = []struct {
	name string
	rule func(*call) string
}{
	{"late", (*call).late},
	{"left running", (*call).leftRunning},
	{"answer lost", (*call).answerLost},
	{"too many", (*call).tooMany},
	{"ration", (*call).ration},
	{"ended early", (*call).endedEarly},
	{"gave up", (*call).gaveUp},
	{"in vain", (*call).inVain},
	{"told", (*call).told},
	{"given up", (*call).givenUp},
	{"blame", (*call).blame},
	{"asked to wait", (*call).askedToWait},
	{"no second attempt", (*call).noSecond},
	{"too soon", (*call).tooSoon},
	{"pair", (*call).pair},
	{"two sent", (*call).twoSent},
	{"patience", (*call).patience},
	{"committed", (*call).afterCommit},
	{"paused in vain", (*call).pausedInVain},
	{"lost", (*call).lost},
	{"limits", (*call).limits},
	{"slow name", (*call).slowName},
	{"spare", (*call).spare},
}

// check holds the rules against the call.
func (c *call) check(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.wrong {
		p.broken(c, "%s", w)
	}
	if len(c.trials) == 0 {
		if f := fault.From(c.err); f == nil || c.end.Before(c.over()) || f.Step != c.step {
			p.broken(c, "no attempt: %v", c.err)
		}
		return
	}
	for _, r := range rules {
		if what := r.rule(c); what != "" {
			p.broken(c, "%s: %s", r.name, what)
		}
	}
	p.count(c)
}

// over is when the call must have ended: with its step, or when its client goes away.
func (c *call) over() time.Time {
	if !c.left.IsZero() && c.left.Before(c.limit) {
		return c.left
	}
	return c.limit
}

func (c *call) late() string {
	if late := c.end.Sub(c.over()); late > 0 {
		return fmt.Sprintf("it returned %v after its time was spent", late)
	}
	return ""
}

func (c *call) leftRunning() string {
	for _, t := range c.trials {
		if t.end.IsZero() {
			return fmt.Sprintf("attempt %d runs after the call returned", t.number)
		}
	}
	return ""
}

// answerLost: the first answer is the call's, at once.
func (c *call) answerLost() string {
	if c.err == nil && (c.result < 1 || c.result > len(c.trials)) {
		return fmt.Sprintf("the result %d is of no attempt", c.result)
	}
	if c.err == nil && !c.trials[c.result-1].answered() {
		return fmt.Sprintf("the result is of attempt %d, which gave none", c.result)
	}
	for _, t := range c.trials {
		if t.answered() && (c.err != nil || t.end.Before(c.end)) {
			return fmt.Sprintf("attempt %d answered, and the call returned %v after that with error %v", t.number, c.end.Sub(t.end), c.err)
		}
	}
	return ""
}

func (c *call) tooMany() string {
	if n := len(c.trials) - c.waits(); n > c.policy.options.Max {
		return fmt.Sprintf("%d attempts, of at most %d", n, c.policy.options.Max)
	}
	return ""
}

func (c *call) ration() string {
	for _, t := range c.trials {
		if t.tokens < -1e-6 {
			return fmt.Sprintf("attempt %d was made where the ration had nothing left: %.1f", t.number, t.tokens)
		}
	}
	return ""
}

// endedEarly: only the end of its step's time is told as one.
func (c *call) endedEarly() string {
	f := fault.From(c.err)
	if f == nil || !c.end.Before(c.over()) {
		return ""
	}
	for _, t := range c.trials {
		if t.failed() && (t.kind() == f.Kind) {
			return ""
		}
	}
	return fmt.Sprintf("%v, which no attempt met, %v before its time was spent", f.Kind, c.over().Sub(c.end))
}

// gaveUp: a call that failed before its time was spent had no other attempt to make.
func (c *call) gaveUp() string {
	f := fault.From(c.err)
	if f == nil || !c.end.Before(c.over()) || !f.Kind.Retryable() || c.isCommitted() {
		return ""
	}
	last, failures := c.lastFailure(c.end)
	if last == nil {
		return "it ended early, and no attempt failed"
	}
	for _, t := range c.trials {
		if t.cut && !t.end.Before(c.end) {
			return fmt.Sprintf("it gave up while attempt %d was under way", t.number)
		}
	}
	o, waits := c.policy.options, c.waits()
	pause := max(c.asked(last.end)*11/10, o.Backoff<<max(0, failures-1-waits)*3/2)
	patient := o.Patient && last.kind() == fault.RateLimited
	if patient {
		pause = c.asked(last.end) + time.Second + time.Second/2
	}
	switch left := c.limit.Sub(last.end); {
	case left < pause+deadline.Least:
	case !patient && len(c.trials)-waits >= o.Max:
	case !patient && c.account.least(last.end, c.end) < 1:
	default:
		return fmt.Sprintf("it gave up after attempt %d met %v, with %v left", last.number, last.kind(), left)
	}
	return ""
}

// lastFailure is the attempt that failed last by itself, before or at a moment, and
// how many did.
func (c *call) lastFailure(at time.Time) (last *trial, failures int) {
	return lastFailure(c.trials, at)
}

func lastFailure(of []*trial, at time.Time) (last *trial, failures int) {
	for _, t := range of {
		if t.failed() && !t.end.After(at) {
			failures++
			if last == nil || !t.end.Before(last.end) {
				last = t
			}
		}
	}
	return last, failures
}

// asked is how long the service still asked to wait at a moment.
func (c *call) asked(at time.Time) (wait time.Duration) {
	for _, t := range c.trials {
		if t.failed() && !t.end.After(at) {
			wait = max(wait, t.end.Add(t.retryAfter()).Sub(at))
		}
	}
	return wait
}

func (t *trial) retryAfter() time.Duration {
	if t.err == nil {
		return 0
	}
	return fault.From(t.err).RetryAfter
}

func (c *call) isCommitted() bool {
	for _, t := range c.trials {
		if !t.committed.IsZero() {
			return true
		}
	}
	return false
}

// inVain: what fails for good decides the call.
func (c *call) inVain() string {
	for _, t := range c.trials {
		if t.failed() && !t.kind().Retryable() && (t.end.Before(c.end) || c.err == nil && c.trials[c.result-1].end.After(t.end)) {
			return fmt.Sprintf("attempt %d failed for good with %v, and the call went on for %v", t.number, t.kind(), c.end.Sub(t.end))
		}
	}
	return ""
}

// told: the fault tells of each attempt what became of it.
func (c *call) told() string {
	f := fault.From(c.err)
	if f == nil {
		return ""
	}
	before := c.earlier()
	all := slices.Concat(before, c.trials)
	if len(all) > 64 {
		return "" // some are left out
	}
	if len(f.Attempts) != len(all) {
		return fmt.Sprintf("%d attempts are told, want %d", len(f.Attempts), len(all))
	}
	for i, got := range f.Attempts {
		t := all[i]
		if got.Attempt != t.number || got.Phase != t.last().phase || got.ElapsedMS != t.end.Sub(t.start).Milliseconds() ||
			c.wired == nil && got.Connection != t.connection || (got.Error == "") != (t.err == nil) ||
			c.index > 0 && i >= len(before) && got.Call != c.index+1 {
			return fmt.Sprintf("attempt %d is told as %+v", t.number, got)
		}
	}
	return ""
}
