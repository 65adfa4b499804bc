package attempt

import (
	"math/rand/v2"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// patient tells whether the last failure is a rate limit that is waited out.
func (c *call[T]) patient() bool {
	return c.policy.options.Patient && c.last.fault != nil && c.last.fault.Kind == fault.RateLimited
}

// waitOut sees to the attempt that follows a rate limit: not before the service
// asks for it, and a little later for each in a row.
func (c *call[T]) waitOut() bool {
	own := min(c.policy.options.Backoff<<min(c.waits, 10), longestPause)
	pause := jitter(own)
	if asked := c.asked(); asked > 0 {
		pause = asked + rand.N(own) // those who were asked to wait together do not come back together
	}
	c.waits++
	if c.left() < pause+deadline.Least {
		c.timer.Stop()
		return c.running > 0
	}
	if c.running == 0 {
		evidence.Backoff(c.ctx)
	}
	c.timer.Reset(pause)
	c.extra, c.waiting = 1, true
	return true
}

// limited ends a call that waited for a service to take it until its time was spent.
func (c *call[T]) limited() (T, error) {
	f := *c.last.fault
	if f.RetryAfter == 0 {
		f.RetryAfter = longestPause
	}
	return c.fail(&f, evidence.Longest(c.attempts[c.last.number-1:c.last.number]))
}
