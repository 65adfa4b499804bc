// Package deadline cuts the time of a request: from the time that a Lambda
// invocation has left to the operation's budget, and from the budget to the
// limit of each step. It is arithmetic over contexts; a context's deadline is
// the only timeout there is, and its cause names what ran out.
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
	// Reserve is kept of the invocation's time for the answer, the last log
	// line and the last trace document.
	Reserve = time.Second
	// Least is the shortest time worth starting anything in.
	Least = 50 * time.Millisecond
)

// Begin bounds an operation: by Cap, by the time that ctx has left less
// Reserve, and by the caller's wish where that is positive. It returns the
// budget that resulted. Too little time to be useful is refused at once, with
// a Timeout fault.
func Begin(ctx context.Context, wish time.Duration) (context.Context, context.CancelFunc, time.Duration, error) {
	now, budget := time.Now(), Cap
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

// Wished tells whether the operation of ctx has less time than it would have had,
// because its client asked for that.
func Wished(ctx context.Context) bool {
	wished, _ := ctx.Value(wishKey{}).(bool)
	return wished
}

// Step bounds a step of an operation: it may spend the time left less keep,
// which is what the steps after it need at the least. Where little is left the
// later steps are scaled down too: keep never takes more than half. A step
// that would have less than Least is refused at once with a Timeout fault, and
// the returned cancel does nothing.
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
		return ctx, func() {}, &fault.Error{Kind: fault.Timeout, Step: name,
			Detail: "no time was left for step " + string(name)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &fault.Error{Kind: fault.Timeout, Step: name,
		Detail: "step " + string(name) + " did not finish in " + seconds(limit)})
	return ctx, cancel, nil
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
