package attempt_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/fault"
)

// What a service asked one attempt to wait is waited, also where another one beside
// that fails in a way that would be tried again sooner.
func TestRetryAfterIsOfTheCall(t *testing.T) {
	then := func(d time.Duration, f *fault.Error) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			if _, err := after(d)(ctx); err != nil {
				return 0, err
			}
			return 0, f
		}
	}
	const ms = time.Millisecond
	limited := then(800*ms, &fault.Error{Kind: fault.RateLimited, RetryAfter: 3 * time.Second})
	for name, second := range map[string]*fault.Error{
		"a refusal":          fault.New(fault.Unavailable, "refused"),
		"a phase's limit":    fault.New(fault.Timeout, "no TCP connection"),
		"a shorter wait":     {Kind: fault.RateLimited, RetryAfter: 100 * ms},
		"a wait of its own":  {Kind: fault.RateLimited},
		"a 503 with its own": {Kind: fault.Unavailable, RetryAfter: 100 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			for _, patient := range []bool{false, true} {
				f, started := script(limited, then(300*ms, second), after(0))
				_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) {
					return attempt.Do(ctx, attempt.New(attempt.Options{Patient: patient}), f)
				})
				if err != nil || elapsed < 3800*ms || elapsed > 4200*ms || started.Load() != 3 {
					t.Errorf("%s: %v after %v and %d attempts, want the third after 3.8 to 4.2 s", name, err, elapsed, started.Load())
				}
			}
		})
	}
}
