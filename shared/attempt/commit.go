package attempt

import (
	"context"
	"time"

	"ragtime/shared/fault"
)

// bounded gives an attempt a time in which it must answer, or commit itself. stop
// lifts the bound, and must be called.
func (c *call[T]) bounded(ctx context.Context, limit time.Duration) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(fault.New(fault.Timeout, "no answer in %.1f s", limit.Seconds())) })
	return ctx, func() { timer.Stop() }
}

type commitKey struct{}

// Commit is for an attempt, in its own goroutine, that is about to give the
// caller part of its answer, as a stream does: no other attempt can take its
// place any more. It may use all the time that is left, none starts beside or
// after it, and its failure is the call's. What the policy learns of is the time
// until then. Outside of an attempt it does nothing.
func Commit(ctx context.Context) {
	if commit, _ := ctx.Value(commitKey{}).(func()); commit != nil {
		commit()
	}
}
