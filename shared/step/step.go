// Package step runs one step of an operation, within its share of the time left, and
// records it.
package step

import (
	"context"
	"time"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// Run calls f as the named step. f may spend the time that ctx has left less keep, the least
// that later steps need: see deadline.Step. f must return soon after its context is done,
// since Run waits for it. An error of f that is not a fault becomes one: a Timeout, if the
// step's time is spent. The fault that Run returns names the step, unless f's names one.
func Run[T any](ctx context.Context, name fault.Step, keep time.Duration, f func(context.Context) (T, error)) (T, error) {
	var zero T
	ctx, s := evidence.Enter(ctx, name)
	ctx, cancel, err := deadline.Step(ctx, name, keep)
	defer cancel()
	if err == nil {
		var v T
		if v, err = f(ctx); err == nil {
			s.End(nil)
			return v, nil
		}
		if cause := context.Cause(ctx); cause != nil && fault.From(err).Kind == fault.Internal {
			err = cause
		}
	}
	failure := *fault.From(err)
	if failure.Step == "" {
		failure.Step = name
	}
	if failure.Kind == fault.Timeout && failure.Phase == "" && len(failure.Attempts) == 0 {
		// The time was spent between two calls, or before the first.
		if w := evidence.WholeOf(ctx); len(w.Attempts) > 0 {
			failure.Attempts = w.Attempts
			failure.Phase, failure.Detail = w.Timeout(evidence.Position{})
		}
	}
	s.End(&failure)
	return zero, &failure
}

// Do is Run for an f that returns only an error.
func Do(ctx context.Context, name fault.Step, keep time.Duration, f func(context.Context) error) error {
	_, err := Run(ctx, name, keep, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// Leave gives several steps together a deadline, as Run gives one step: the time left less
// keep; half of the time left, where less than twice keep is left. Where ctx has no
// deadline, they have none.
func Leave(ctx context.Context, keep time.Duration) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end)
	limit := left - min(keep, left/2)
	spent := fault.New(fault.Timeout, "the time was spent that is not kept for later steps: %.1f s", limit.Seconds())
	return context.WithTimeoutCause(ctx, limit, spent)
}
