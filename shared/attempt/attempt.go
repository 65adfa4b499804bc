// Package attempt tries a call again when that may help, within the time that
// its step has.
//
// It works on functions that return decoded values, never on responses whose
// body someone else may still read. Which errors are worth another try is the
// fault's Kind to say; when the remote service asked to wait longer than there
// is time, the step fails at once with what the service said.
package attempt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// Options tune Do; the zero value is what every caller uses.
type Options struct {
	Max     int           // attempts at the most; 0 is 3
	Backoff time.Duration // the pause before the second attempt, doubled before each one after it; 0 is 50 ms
}

// worthSharing is the time under which an attempt gets all that is left: half
// of it would hardly see an answer of a healthy service.
const worthSharing = time.Second

// Do calls f until it succeeds, fails for good, has been tried Options.Max
// times, or the time of ctx is spent. An attempt gets half of the time left,
// the last one all of it. f must classify its errors as faults and return soon
// after its context is done; attempts never overlap. The error is a fault with
// the step, the last phase and every attempt.
func Do[T any](ctx context.Context, o Options, f func(context.Context) (T, error)) (T, error) {
	if o.Max == 0 {
		o.Max = 3
	}
	if o.Backoff == 0 {
		o.Backoff = 50 * time.Millisecond
	}
	start := time.Now()
	var zero T
	var told []fault.Attempt
	for n := 1; ; n++ {
		v, err := once(ctx, n, n == o.Max, f, &told)
		if err == nil {
			return v, nil
		}
		last := fault.From(err)
		if n == o.Max || ctx.Err() != nil || !last.Kind.Retryable() {
			return zero, conclude(ctx, last, told, time.Since(start), o.Max)
		}
		pause := max(last.RetryAfter, jitter(o.Backoff<<(n-1)))
		if end, ok := ctx.Deadline(); ok && time.Until(end) <= pause {
			return zero, conclude(ctx, last, told, time.Since(start), n)
		}
		evidence.Backoff(ctx)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return zero, conclude(ctx, last, told, time.Since(start), o.Max)
		}
	}
}

// once makes one attempt, bounded by its share of the time left.
func once[T any](ctx context.Context, n int, final bool, f func(context.Context) (T, error), told *[]fault.Attempt) (T, error) {
	ctx, a := evidence.NewAttempt(ctx, n)
	if end, ok := ctx.Deadline(); ok && !final {
		if left := time.Until(end); left > worthSharing {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, left/2, fault.New(fault.Timeout, "no answer in %.1f s", (left/2).Seconds()))
			defer cancel()
		}
	}
	v, err := f(ctx)
	if err != nil && ctx.Err() != nil {
		// What a call returns when its context ends is whatever it was doing;
		// the cause says which limit ended it.
		cause := *fault.From(context.Cause(ctx))
		cause.Cause = err
		err = &cause
	}
	*told = append(*told, a.End(err))
	return v, err
}

// conclude makes the step's fault out of the last attempt's.
func conclude(ctx context.Context, last *fault.Error, told []fault.Attempt, elapsed time.Duration, most int) error {
	out := *last
	out.Attempts, out.Step = told, evidence.StepName(ctx)
	if n := len(told); n > 0 {
		at := told[n-1]
		out.Phase = at.Phase
		if out.Kind == fault.Timeout {
			out.Detail = fmt.Sprintf("step %s did not finish in %.1f s: attempt %d of %d was in phase %s (%s) for %.1f s",
				out.Step, elapsed.Seconds(), at.Attempt, most, at.Phase, at.Phase.Meaning(), float64(at.ElapsedMS)/1000)
		}
	}
	return &out
}

// jitter spreads d over 50 to 150 % of itself, so that callers who failed
// together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}
