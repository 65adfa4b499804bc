package attempt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/step"
)

// hang is a call that obeys its context and does nothing else.
func hang(ctx context.Context) (int, error) {
	evidence.Current(ctx).Phase(fault.PhaseWait)
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestHangEndsWithItsStepAndNamesThePhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel, budget, err := deadline.Begin(t.Context(), 0)
		if err != nil || budget != deadline.Cap {
			t.Fatalf("Begin = %v, %v; want the cap", budget, err)
		}
		defer cancel()
		_, err = step.Run(ctx, fault.StepEmbed, 5*time.Second, func(ctx context.Context) (int, error) {
			return attempt.Do(ctx, attempt.Options{}, hang)
		})
		if got, want := time.Since(start), 20*time.Second; got != want {
			t.Errorf("returned after %v, want %v", got, want)
		}
		f := fault.From(err)
		if f.Kind != fault.Timeout || f.Step != fault.StepEmbed || f.Phase != fault.PhaseWait || len(f.Attempts) != 3 {
			t.Errorf("fault = %+v, want a timeout of 3 attempts in embed, wait", f)
		}
	})
}

func TestRetriesWhatMayFareBetter(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		attempts int
		elapsed  [2]time.Duration // at least, less than
		kind     fault.Kind
	}{
		{"unavailable", fault.New(fault.Unavailable, "refused"), 3, [2]time.Duration{75 * time.Millisecond, 225 * time.Millisecond}, fault.Unavailable},
		{"upstream error", fault.New(fault.Upstream, "garbage"), 1, [2]time.Duration{0, 1}, fault.Upstream},
		{"quota exhausted", fault.New(fault.QuotaExhausted, "none left"), 1, [2]time.Duration{0, 1}, fault.QuotaExhausted},
		{"unclassified", errors.New("bug"), 1, [2]time.Duration{0, 1}, fault.Internal},
		{"retry-after that fits", &fault.Error{Kind: fault.RateLimited, RetryAfter: 2 * time.Second}, 3, [2]time.Duration{4 * time.Second, 4*time.Second + 1}, fault.RateLimited},
		{"retry-after beyond the time left", &fault.Error{Kind: fault.RateLimited, RetryAfter: time.Minute}, 1, [2]time.Duration{0, 1}, fault.RateLimited},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel, _, _ := deadline.Begin(t.Context(), 0)
				defer cancel()
				calls := 0
				_, err := attempt.Do(ctx, attempt.Options{}, func(context.Context) (int, error) {
					calls++
					return 0, tt.err
				})
				if calls != tt.attempts {
					t.Errorf("%d attempts, want %d", calls, tt.attempts)
				}
				if e := time.Since(start); e < tt.elapsed[0] || e >= tt.elapsed[1] {
					t.Errorf("took %v, want in %v", e, tt.elapsed)
				}
				if got := fault.From(err); got.Kind != tt.kind || len(got.Attempts) != tt.attempts {
					t.Errorf("fault %v with %d attempts, want %v with %d", got.Kind, len(got.Attempts), tt.kind, tt.attempts)
				}
			})
		})
	}
}

func TestSecondAttemptSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel, _, _ := deadline.Begin(t.Context(), 4*time.Second)
		defer cancel()
		ctx, record := evidence.With(ctx)
		v, err := step.Run(ctx, fault.StepSearch, 0, func(ctx context.Context) (int, error) {
			n := 0
			return attempt.Do(ctx, attempt.Options{}, func(ctx context.Context) (int, error) {
				if n++; n == 1 {
					return hang(ctx)
				}
				return 42, nil
			})
		})
		if v != 42 || err != nil {
			t.Errorf("Do = %v, %v; want 42", v, err)
		}
		if got := record.Timings(); len(got) != 1 || got[0].Attempts != 2 || got[0].Outcome != fault.OK {
			t.Errorf("record %+v, want one ok step of 2 attempts", got)
		}
	})
}
