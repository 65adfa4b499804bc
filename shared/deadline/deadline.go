// Package deadline divides the time of a request. It derives an operation's budget from
// the time that the Lambda invocation has left, and the limit of each step from the
// budget. A context's deadline is the only timeout, and its cause names what ran out.
package deadline

import (
	"context"
	"time"

	"ragtime/shared/fault"
)

const (
	// Cap is the most an operation may spend. With the reserve, and Lambda's
	// timeout of 28 s, the answer leaves before API Gateway gives up at 29 s.
	Cap = 25 * time.Second
	// Reserve is the part of the invocation's time that is kept for the answer, the last
	// log line and the last trace document.
	Reserve = time.Second
	// Least is the shortest time worth starting anything in.
	Least = 50 * time.Millisecond
)

// Begin gives an operation its deadline, and returns the budget: the least of Cap, of the
// time that ctx has left less Reserve, and of the caller's wish where that is positive.
// A budget of less than Least is a Timeout fault at once.
func Begin(ctx context.Context, wish time.Duration) (context.Context, context.CancelFunc, time.Duration, error) {
	now := time.Now()
	budget := Cap
	if end, ok := ctx.Deadline(); ok {
		budget = min(budget, end.Sub(now)-Reserve)
	}
	if wish > 0 && wish < budget {
		budget = wish
		ctx = context.WithValue(ctx, wishKey{}, true)
	}
	if budget < Least {
		return ctx, func() {}, 0, fault.New(fault.Timeout, "the invocation had %d ms left when it began: too few to try", (budget + Reserve).Milliseconds())
	}
	ctx, cancel := context.WithDeadlineCause(ctx, now.Add(budget),
		fault.New(fault.Timeout, "the operation did not finish in %.1f s", budget.Seconds()))
	return ctx, cancel, budget, nil
}

type wishKey struct{}

// Wished tells whether the client's wish is what limits the operation of ctx.
func Wished(ctx context.Context) bool {
	wished, _ := ctx.Value(wishKey{}).(bool)
	return wished
}

// Step gives a step its deadline: the time left less keep, which is the least that later
// steps need. Where less than twice keep is left, the step gets half. A limit of less
// than Least is a Timeout fault at once, and the returned cancel does nothing. Without a
// deadline in ctx the step has none either.
func Step(ctx context.Context, name fault.Step, keep time.Duration) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return ctx, func() {}, context.Cause(ctx)
	}
	end, ok := ctx.Deadline()
	if !ok {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, nil
	}
	left := time.Until(end)
	limit := left - min(keep, left/2)
	if limit < Least {
		return ctx, func() {}, &fault.Error{
			Kind:   fault.Timeout,
			Step:   name,
			Detail: "no time was left for step " + string(name),
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &fault.Error{
		Kind:   fault.Timeout,
		Step:   name,
		Detail: "step " + string(name) + " did not finish in " + seconds(limit),
	})
	return ctx, cancel, nil
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
