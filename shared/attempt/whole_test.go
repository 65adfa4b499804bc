package attempt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/fault"
)

// A step that makes several calls tells of all of them: its own seconds, each call's
// attempts, and a phase, also where its time was spent before the last call began.
func TestFaultOfAStepIsOfTheWholeStep(t *testing.T) {
	const ms = time.Millisecond
	slow := func(n int, d time.Duration) (fs []func(context.Context) (int, error)) {
		for range n {
			fs = append(fs, after(d))
		}
		return fs
	}
	tests := []struct {
		name   string
		budget time.Duration
		calls  []func(context.Context) (int, error)
		kind   fault.Kind
		phase  fault.Phase
		detail string
		// of the attempts that are told
		attempts, failed int
	}{
		{"the last one hangs", 6 * time.Second, append(slow(2, 2*time.Second), hang), fault.Timeout, fault.PhaseWait,
			"step embed did not finish in 6.0 s: attempt 1 of 1 of call 3 of 3 was in phase wait (no response byte) for 2.0 s", 3, 1},
		{"all are slow", 6 * time.Second, append(slow(12, 480*ms), unconnected), fault.Timeout, fault.PhaseWait,
			"step embed did not finish in 6.0 s: its 13 calls spent most, 5.8 s in all, in phase wait (no response byte)", 13, 1},
		{"the last one has no time", 6 * time.Second, append(slow(11, 500*ms), late(500*ms+1), hang), fault.Timeout, fault.PhaseWait,
			"step embed did not finish in 6.0 s: its 12 calls spent most, 6.0 s in all, in phase wait (no response byte)", 12, 0},
		{"the third is refused", 6 * time.Second, append(slow(2, time.Second), fails(fault.New(fault.Upstream, "refused"))), fault.Upstream, fault.PhaseBlocked,
			"refused", 3, 1},
		{"hundreds", 24 * time.Second, append(slow(150, 100*ms), fails(fault.New(fault.Upstream, "refused"))), fault.Upstream, fault.PhaseBlocked,
			"refused", 64, 1},
		{"one", 6 * time.Second, slow(1, time.Minute), fault.Timeout, fault.PhaseWait,
			"step embed did not finish in 6.0 s: attempt 1 of 1 was in phase wait (no response byte) for 6.0 s", 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := attempt.New(attempt.Options{Max: 1})
				_, elapsed, err := within(t, tt.budget, func(ctx context.Context) (int, error) {
					for _, f := range tt.calls {
						if _, err := attempt.Do(ctx, p, f); err != nil {
							return 0, err
						}
					}
					return 0, errors.New("no call failed")
				})
				f := fault.From(err)
				if f.Kind != tt.kind || f.Step != fault.StepEmbed || f.Phase != tt.phase || f.Detail != tt.detail {
					t.Errorf("fault %v in %s %s after %v: %q; want %v in %s: %q", f.Kind, f.Step, f.Phase, elapsed, f.Detail, tt.kind, tt.phase, tt.detail)
				}
				failed := 0
				for i, a := range f.Attempts {
					if a.Error != "" {
						failed++
					}
					call := i + 1 + len(tt.calls) - len(f.Attempts)
					if len(tt.calls) == 1 {
						call = 0
					}
					if tt.attempts < 64 && (a.Attempt != 1 || a.Call != min(call, i+1)) {
						t.Errorf("attempt %+v in place %d", a, i)
					}
				}
				if len(f.Attempts) != tt.attempts || failed != tt.failed {
					t.Errorf("%d attempts are told, of which %d failed; want %d and %d", len(f.Attempts), failed, tt.attempts, tt.failed)
				}
			})
		})
	}
}

// late is a call that answers after a time, whether there is any left or not.
func late(d time.Duration) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) { return after(d)(context.WithoutCancel(ctx)) }
}

// A step whose time is spent between two calls has a phase and its attempts, too.
func TestStepSpentBetweenCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attempt.New(attempt.Options{})
		_, _, err := within(t, 2*time.Second, func(ctx context.Context) (int, error) {
			if _, err := attempt.Do(ctx, p, after(300*time.Millisecond)); err != nil {
				return 0, err
			}
			<-ctx.Done() // computing
			return 0, context.Cause(ctx)
		})
		f := fault.From(err)
		want := "step embed did not finish in 2.0 s: the only call spent most, 0.3 s in all, in phase wait (no response byte)"
		if f.Kind != fault.Timeout || f.Phase != fault.PhaseWait || len(f.Attempts) != 1 || f.Detail != want {
			t.Errorf("fault %+v, want %q", f, want)
		}
	})
}
