package simulation

import (
	"fmt"
	"time"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// askedToWait: no attempt comes sooner after a failure than the service asks, nor at
// once after one that came quickly.
func (c *call) askedToWait() string {
	for _, t := range c.trials[1:] {
		for _, b := range c.trials {
			if b.failed() && b.kind().Retryable() && b.end.Before(t.start) && b.end.Add(b.retryAfter()).After(t.start) {
				return fmt.Sprintf("attempt %d began %v after attempt %d, which was asked to wait %v", t.number, t.start.Sub(b.end), b.number, b.retryAfter())
			}
		}
		last, _ := lastFailure(c.trials[:t.number-1], t.start)
		if last == nil || last.kind() == fault.Timeout || !last.kind().Retryable() {
			continue
		}
		least := max(last.retryAfter(), c.policy.options.Backoff/2)
		if asked := c.asked(last.end); c.policy.options.Patient && asked > 0 {
			least = asked
		}
		pause := t.start.Sub(last.end)
		if pause == 0 && (t.start.Sub(c.start)%ms == 0 || t.start.Equal(last.start)) {
			continue // it was due at that very moment, or began with the other one
		}
		if pause < least {
			return fmt.Sprintf("attempt %d began %v after attempt %d had met %v, want %v at least", t.number, pause, last.number, last.kind(), least)
		}
	}
	return ""
}

// time is what the call had when it began.
func (c *call) time() time.Duration { return c.limit.Sub(c.start) }

// noSecond: beside an attempt that takes too long another one is made, in time.
func (c *call) noSecond() string {
	first := c.trials[0]
	stretched := 1 + 2/float64(max(c.before.known, 1)) // of few latencies
	patience := max(700*ms, time.Duration(stretched*float64(c.before.slowest))+ms)
	due := c.start.Add(min(patience, c.time()/2))
	switch {
	case c.policy.options.Max < 2, !first.running(due), !due.Before(c.end), c.limit.Sub(due) < deadline.Least:
		return ""
	case len(c.trials) > 1 && !c.trials[1].start.After(due):
		return ""
	case c.policy.options.OneSends && !first.sent.IsZero(), !first.committed.IsZero() && !first.committed.After(due):
		return ""
	case c.account.least(c.start, due) < 1:
		return ""
	}
	return fmt.Sprintf("attempt 1 took longer than %v, and none was made beside it by then; the ration had %.1f", due.Sub(c.start), c.account.least(c.start, due))
}

// tooSoon: an attempt that takes as long as many did is left alone.
func (c *call) tooSoon() string {
	if len(c.trials) < 2 || !c.trials[0].running(c.trials[1].start) {
		return ""
	}
	least := max(100*ms, c.before.nearlyAll)
	if c.before.nearlyAll == 0 || c.policy.options.OneSends {
		least = 400 * ms
	}
	if c.before.unsure && !c.policy.options.OneSends {
		least = 100 * ms
	}
	least = min(least, c.time()/2)
	if after := c.trials[1].start.Sub(c.start); after < least {
		return fmt.Sprintf("attempt 2 began beside attempt 1 after %v, want %v at least", after, least)
	}
	return ""
}

// pair: two extra attempts begin at once only where hangs were seen.
func (c *call) pair() string {
	for i := 1; i < len(c.trials)-1; i++ {
		a, b := c.trials[i], c.trials[i+1]
		if !a.start.Equal(b.start) || a.end.Equal(a.start) {
			continue
		}
		if i > 1 || !c.before.hung || i+2 < len(c.trials) && c.trials[i+2].start.Equal(a.start) {
			return fmt.Sprintf("attempts %d and %d began at once", a.number, b.number)
		}
	}
	return ""
}

// twoSent: where only one may send, no two are under way after they sent.
func (c *call) twoSent() string {
	if !c.policy.options.OneSends {
		return ""
	}
	for _, a := range c.trials {
		for _, b := range c.trials[a.number:] {
			if !a.sent.IsZero() && !b.sent.IsZero() && a.sent.Before(b.end) && b.sent.Before(a.end) {
				return fmt.Sprintf("attempts %d and %d were sent at once", a.number, b.number)
			}
			if !a.sent.IsZero() && !a.sent.After(b.start) && b.start.Before(a.end) {
				return fmt.Sprintf("attempt %d began beside attempt %d, which had sent", b.number, a.number)
			}
		}
	}
	return ""
}

// patience: where only one may send, an attempt leaves time for the next one, unless
// it gave the caller part of its answer, or little time is left.
func (c *call) patience() string {
	if !c.policy.options.OneSends {
		return ""
	}
	for _, t := range c.trials {
		left := c.limit.Sub(t.start)
		until := t.end
		if !t.committed.IsZero() {
			until = t.committed
		}
		if took := until.Sub(t.start); t.number < c.policy.options.Max && left > time.Second && took > left/2 {
			return fmt.Sprintf("attempt %d took %v of %v without an answer", t.number, took, left)
		}
	}
	return ""
}

// afterCommit: nothing comes beside or after an attempt that gave the caller part of
// its answer, and nothing but the call's end cuts it.
func (c *call) afterCommit() string {
	for _, a := range c.trials {
		if a.committed.IsZero() {
			continue
		}
		for _, b := range c.trials {
			if b.start.After(a.committed) {
				return fmt.Sprintf("attempt %d began after attempt %d had committed itself", b.number, a.number)
			}
		}
		if a.bounded || a.cut && a.end.Before(c.end) {
			return fmt.Sprintf("attempt %d was cut after it had committed itself", a.number)
		}
		if a.failed() && a.end.Before(c.end) && !c.runningAt(a.end) {
			return fmt.Sprintf("attempt %d failed after it had committed itself, and the call went on for %v", a.number, c.end.Sub(a.end))
		}
	}
	return ""
}

// pausedInVain: no pause is begun that leads to no attempt; and what has waited already
// is followed at once.
func (c *call) pausedInVain() string {
	for i, t := range c.trials {
		if !t.failed() || !t.kind().Retryable() || c.runningAt(t.end) {
			continue
		}
		until := c.end
		if i+1 < len(c.trials) {
			if until = c.trials[i+1].start; until.Before(t.end) {
				continue
			}
		}
		pause := until.Sub(t.end)
		switch left := c.limit.Sub(t.end); {
		case pause == 0:
		case c.asked(t.end) > left-deadline.Least:
			return fmt.Sprintf("after attempt %d it was asked to wait %v, with %v left, and the call waited for %v", t.number, c.asked(t.end), left, pause)
		case i+1 == len(c.trials) && len(c.trials)-c.waits() >= c.policy.options.Max && !(c.policy.options.Patient && t.kind() == fault.RateLimited):
			return fmt.Sprintf("attempt %d was the last, and the call waited for %v", t.number, pause)
		case t.kind() == fault.Timeout && c.asked(t.end) == 0 && c.account.least(t.end, until) >= 1:
			return fmt.Sprintf("attempt %d had waited, and the call paused for %v", t.number, pause)
		}
	}
	return ""
}

// runningAt tells whether an attempt was under way right after a moment.
func (c *call) runningAt(at time.Time) bool {
	for _, t := range c.trials {
		if t.running(at) {
			return true
		}
	}
	return false
}

// lost: an attempt that was given up, since a later one was quicker, is said to have been
// overtaken, or to have hung; no other one is. One that hung had run for longer than many do.
func (c *call) lost() string {
	if len(c.trials) == 1 {
		return ""
	}
	atEnd := c.end.Equal(c.over()) // all end at once, whoever won
	for i, a := range c.views() {
		t := c.trials[i]
		outran := c.err == nil && c.result > i+1 && t.cut
		switch {
		case a.Lost != "" && !outran, a.Lost == "" && outran && !atEnd:
			return fmt.Sprintf("attempt %d is said to have lost as %q", i+1, a.Lost)
		case a.Lost == evidence.Hung && !c.before.unsure && t.end.Sub(t.start) < c.before.nearlyAll:
			return fmt.Sprintf("attempt %d is said to have hung after %v, where %v is usual", i+1, t.end.Sub(t.start), c.before.nearlyAll)
		}
	}
	return ""
}

// count adds the call to what only many schedules together show.
func (p *process) count(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.calls++
	p.tally.attempts += len(c.trials)
	if c.err == nil {
		p.tally.answers++
		if c.result > 1 {
			p.tally.survived++
		}
	}
	if len(c.trials) > 1 && !c.policy.options.Patient {
		if first, second := c.trials[0], c.trials[1]; first.kind() == fault.Unavailable && !first.end.After(second.start) && first.retryAfter() == 0 {
			p.tally.pauses++
			switch pause, usual := second.start.Sub(first.end), c.policy.options.Backoff; {
			case pause < usual*4/5:
				p.tally.short++
			case pause > usual*6/5:
				p.tally.long++
			}
		}
	}
	if c.healthy && c.before.known >= 10 {
		p.tally.healthy++
		p.tally.healthyExtra += len(c.trials) - 1
		if len(c.trials) > 1 {
			for _, a := range c.views() {
				if a.Lost == evidence.Hung {
					p.tally.healthyHung++
				}
			}
		}
	}
}
