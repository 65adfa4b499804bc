package deadline_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/deadline"
	"ragtime/shared/fault"
)

func TestBegin(t *testing.T) {
	tests := []struct {
		name       string
		left, wish time.Duration // left 0: the invocation has no deadline
		want       time.Duration // 0: refused
	}{
		{"a fresh invocation is capped", 28 * time.Second, 0, 25 * time.Second},
		{"without a deadline too", 0, 0, 25 * time.Second},
		{"the reserve is kept", 10 * time.Second, 0, 9 * time.Second},
		{"a wish lowers", 28 * time.Second, 3 * time.Second, 3 * time.Second},
		{"a wish never raises", 10 * time.Second, time.Hour, 9 * time.Second},
		{"too little is refused", time.Second + 20*time.Millisecond, 0, 0},
		{"less than the reserve is refused", 10 * time.Millisecond, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.left > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.left)
					defer cancel()
				}
				start := time.Now()
				ctx, cancel, got, err := deadline.Begin(ctx, tt.wish)
				defer cancel()
				if got != tt.want || (err != nil) != (tt.want == 0) {
					t.Fatalf("Begin = %v, %v; want %v", got, err, tt.want)
				}
				if err != nil {
					if k := fault.From(err).Kind; k != fault.Timeout {
						t.Errorf("refused with %v, want a timeout", k)
					}
					return
				}
				<-ctx.Done()
				if e := time.Since(start); e != tt.want {
					t.Errorf("ended after %v, want %v", e, tt.want)
				}
				if k := fault.From(context.Cause(ctx)).Kind; k != fault.Timeout {
					t.Errorf("cause of kind %v, want a timeout", k)
				}
			})
		})
	}
}

// For any time left and any keep, a step ends before its operation, and leaves keep or half
// of the time; its cause names it. Or it is refused, since less than Least is left for it.
func TestStepKeepsWhatLaterStepsNeed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		synctest.Test(t, func(t *testing.T) {
			left := time.Duration(random.Int64N(int64(30 * time.Second)))
			keep := time.Duration(random.Int64N(int64(30 * time.Second)))
			ctx, cancel := context.WithTimeout(t.Context(), left)
			defer cancel()
			start := time.Now()
			step, cancelStep, err := deadline.Step(ctx, fault.StepEmbed, keep)
			defer cancelStep()
			if err != nil {
				if left >= 2*deadline.Least {
					t.Fatalf("seed %d: refused with %v left, %v to keep", seed, left, keep)
				}
				return
			}
			<-step.Done()
			spent := time.Since(start)
			if kept := left - spent; kept < min(keep, left/2) || spent < deadline.Least || spent < left/2-1 {
				t.Fatalf("seed %d: of %v left the step spent %v, with %v to keep", seed, left, spent, keep)
			}
			if f := fault.From(context.Cause(step)); keep > 0 &&
				(f.Kind != fault.Timeout || f.Step != fault.StepEmbed) {
				t.Fatalf("seed %d: cause %+v, want a timeout of the step", seed, f)
			}
		})
	}
}
