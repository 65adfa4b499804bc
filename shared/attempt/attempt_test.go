package attempt_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ragtime/shared/attempt"
	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/step"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is a call that obeys its context and does nothing else.
func hang(ctx context.Context) (int, error) {
	evidence.Current(ctx).Phase(fault.PhaseWait)
	<-ctx.Done()
	return 0, ctx.Err()
}

// unconnected is a call whose TLS handshake hangs.
func unconnected(ctx context.Context) (int, error) {
	evidence.Current(ctx).Phase(fault.PhaseTLS)
	<-ctx.Done()
	return 0, ctx.Err()
}

// sentAndHung is a call that hangs once its request is on its way.
func sentAndHung(ctx context.Context) (int, error) {
	if err := evidence.Current(ctx).Send(); err != nil {
		return 0, err
	}
	return hang(ctx)
}

// after is a call that answers after a time.
func after(d time.Duration) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		evidence.Current(ctx).Phase(fault.PhaseWait)
		select {
		case <-time.After(d):
			return 42, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// script makes a call whose attempts do as the given functions, in the order of
// their start; the last one goes for all after it.
func script(fs ...func(context.Context) (int, error)) (f func(context.Context) (int, error), started *atomic.Int32) {
	started = new(atomic.Int32)
	return func(ctx context.Context) (int, error) {
		n := int(started.Add(1))
		return fs[min(n, len(fs))-1](ctx)
	}, started
}

func fails(f *fault.Error) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return 0, f }
}

// within runs f as the step embed of an operation with a budget, in virtual
// time, and tells how long it took.
func within(t *testing.T, budget time.Duration, f func(context.Context) (int, error)) (v int, elapsed time.Duration, err error) {
	ctx, cancel, _, err := deadline.Begin(t.Context(), budget)
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	start := time.Now()
	v, err = step.Run(ctx, fault.StepEmbed, 0, f)
	return v, time.Since(start), err
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
			return attempt.Do(ctx, attempt.New(attempt.Options{}), hang)
		})
		if got, want := time.Since(start), 20*time.Second; got != want {
			t.Errorf("returned after %v, want %v", got, want)
		}
		f := fault.From(err)
		const detail = "step embed did not finish in 20.0 s: attempt 1 of 4 was in phase wait (no response byte) for 20.0 s"
		if f.Kind != fault.Timeout || f.Step != fault.StepEmbed || f.Phase != fault.PhaseWait || f.Detail != detail {
			t.Errorf("fault %v in %s %s: %q; want a timeout in embed, wait: %q", f.Kind, f.Step, f.Phase, f.Detail, detail)
		}
		// A cold process waits 700 ms for an answer, then twice 400 ms, and twice that.
		for i, want := range []int64{20_000, 19_300, 18_500, 16_900} {
			if len(f.Attempts) != 4 || f.Attempts[i].ElapsedMS != want || f.Attempts[i].Attempt != i+1 {
				t.Fatalf("attempts %+v, want 4, the %d. over %d ms", f.Attempts, i+1, want)
			}
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
		{"unavailable", fault.New(fault.Unavailable, "refused"), 4, [2]time.Duration{175 * time.Millisecond, 525 * time.Millisecond}, fault.Unavailable},
		{"a phase's limit", fault.New(fault.Timeout, "no TCP connection"), 4, [2]time.Duration{0, 1}, fault.Timeout},
		{"upstream error", fault.New(fault.Upstream, "garbage"), 1, [2]time.Duration{0, 1}, fault.Upstream},
		{"quota exhausted", fault.New(fault.QuotaExhausted, "none left"), 1, [2]time.Duration{0, 1}, fault.QuotaExhausted},
		{"unclassified", errors.New("bug"), 1, [2]time.Duration{0, 1}, fault.Internal},
		{"retry-after that fits", &fault.Error{Kind: fault.RateLimited, RetryAfter: 2 * time.Second}, 4, [2]time.Duration{6 * time.Second, 6600*time.Millisecond + 1}, fault.RateLimited},
		{"retry-after beyond the time left", &fault.Error{Kind: fault.RateLimited, RetryAfter: time.Minute}, 1, [2]time.Duration{0, 1}, fault.RateLimited},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) {
					return attempt.Do(ctx, attempt.New(attempt.Options{}), func(context.Context) (int, error) {
						calls.Add(1)
						return 0, tt.err
					})
				})
				if int(calls.Load()) != tt.attempts {
					t.Errorf("%d attempts, want %d", calls.Load(), tt.attempts)
				}
				if elapsed < tt.elapsed[0] || elapsed >= tt.elapsed[1] {
					t.Errorf("took %v, want in %v", elapsed, tt.elapsed)
				}
				if got := fault.From(err); got.Kind != tt.kind || len(got.Attempts) != tt.attempts {
					t.Errorf("fault %v with %d attempts, want %v with %d", got.Kind, len(got.Attempts), tt.kind, tt.attempts)
				}
			})
		})
	}
}

// Those whom a service asks to wait alike come back one after the other, none before
// it may, and none so late that there is no time left.
func TestRetryAfterIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 50 {
			f, _ := script(fails(&fault.Error{Kind: fault.RateLimited, RetryAfter: 2 * time.Second}), after(0))
			_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, attempt.New(attempt.Options{}), f) })
			if err != nil || elapsed < 2*time.Second || elapsed > 2200*time.Millisecond {
				t.Fatalf("%v after %v, want an answer after 2 to 2.2 s", err, elapsed)
			}
			seen[elapsed] = true
			f, _ = script(fails(&fault.Error{Kind: fault.RateLimited, RetryAfter: 1940 * time.Millisecond}), after(0))
			if _, elapsed, err = within(t, 2*time.Second, func(ctx context.Context) (int, error) { return attempt.Do(ctx, attempt.New(attempt.Options{}), f) }); err != nil {
				t.Fatalf("%v after %v, want an answer in the time that was left", err, elapsed)
			}
		}
		if len(seen) < 25 {
			t.Errorf("50 callers came back at %d times", len(seen))
		}
	})
}

// A call that ends because another one of its step failed says so: its time was not
// spent, no service is to blame, and the ration is whole.
func TestGivenUpWithTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attempt.New(attempt.Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(fault.New(fault.Unavailable, "a batch beside it failed")) })
		f, _ := script(hang)
		_, err := attempt.Do(ctx, p, f)
		got := fault.From(err)
		if got.Kind != fault.Canceled || len(got.Attempts) != 4 {
			t.Fatalf("fault %+v, want canceled, with 4 attempts", got)
		}
		for _, a := range got.Attempts {
			if a.Error != "given up with the step, before its time was spent" {
				t.Errorf("attempt %d says %q", a.Attempt, a.Error)
			}
		}
		for range 2 { // an emptied ration has one extra attempt left, not two in a row
			f, _ = script(hang, hang, after(0))
			if _, _, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) }); err != nil {
				t.Errorf("a hang after that was not survived: %v", err)
			}
		}
	})
}

// What happens while other attempts of the call are under way.
func TestAttemptsBesideOneAnother(t *testing.T) {
	ms := time.Millisecond
	tests := []struct {
		name    string
		f       []func(context.Context) (int, error)
		started int32
		elapsed time.Duration
		kind    fault.Kind // of the failure; -1 for none
		said    []string   // the attempts' errors, where the call failed
	}{
		{"a hang is overtaken", []func(context.Context) (int, error){hang, after(60 * ms)}, 2, 760 * ms, -1, nil},
		{"a slow first one still wins", []func(context.Context) (int, error){after(750 * ms), after(time.Second)}, 2, 750 * ms, -1, nil},
		{"a cold process's healthy answer is waited for", []func(context.Context) (int, error){after(650 * ms), after(time.Second)}, 1, 650 * ms, -1, nil},
		{"no connection is not", []func(context.Context) (int, error){unconnected, after(60 * ms)}, 2, 460 * ms, -1, nil},
		{"two hangs are overtaken", []func(context.Context) (int, error){hang, hang, after(60 * ms)}, 3, 1560 * ms, -1, nil},
		{"a refusal decides", []func(context.Context) (int, error){hang, fails(fault.New(fault.Upstream, "key refused"))}, 2, 700 * ms, fault.Upstream,
			[]string{"attempt 2 failed for good", "key refused"}},
		{"a long Retry-After waits for the attempt under way", []func(context.Context) (int, error){after(time.Second), fails(&fault.Error{Kind: fault.RateLimited, RetryAfter: time.Hour})}, 2, time.Second, -1, nil},
		{"a failure is followed at once by no hedge", []func(context.Context) (int, error){fails(fault.New(fault.Timeout, "no TCP connection")), after(100 * ms)}, 2, 100 * ms, -1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, started := script(tt.f...)
				v, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) {
					return attempt.Do(ctx, attempt.New(attempt.Options{}), f)
				})
				if elapsed != tt.elapsed || started.Load() != tt.started {
					t.Errorf("took %v and %d attempts, want %v and %d", elapsed, started.Load(), tt.elapsed, tt.started)
				}
				if tt.kind < 0 {
					if v != 42 || err != nil {
						t.Errorf("Do = %v, %v; want 42", v, err)
					}
					return
				}
				got := fault.From(err)
				if got == nil || got.Kind != tt.kind || len(got.Attempts) != len(tt.said) {
					t.Fatalf("fault %+v, want %v with %d attempts", got, tt.kind, len(tt.said))
				}
				for i, want := range tt.said {
					if got.Attempts[i].Error != want {
						t.Errorf("attempt %d said %q, want %q", i+1, got.Attempts[i].Error, want)
					}
				}
			})
		})
	}
}

// Do returns when every attempt has: nothing of a call is left behind.
func TestLosersAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		f, _ := script(func(ctx context.Context) (int, error) {
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			time.Sleep(30 * time.Millisecond) // slow to notice
			return 0, ctx.Err()
		}, after(0))
		_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) {
			return attempt.Do(ctx, attempt.New(attempt.Options{}), f)
		})
		if err != nil || running.Load() != 0 || elapsed != 430*time.Millisecond {
			t.Errorf("returned %v after %v with %d attempts running, want none", err, elapsed, running.Load())
		}
	})
}

func TestPanicIsTheCallsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := script(hang, func(context.Context) (int, error) { panic("boom") })
		_, err := attempt.Do(t.Context(), attempt.New(attempt.Options{}), f)
		if p, ok := errors.AsType[*fault.Panic](err); !ok || p.Value != "boom" || !strings.Contains(p.Stack, "attempt_test.go") {
			t.Errorf("got %v, want boom and where it was", err)
		}
		if f := fault.From(err); f.Kind != fault.Internal || f.Detail != "internal error" {
			t.Errorf("got %+v, want an internal error that tells the caller nothing", f)
		}
		// Also one whose answer nobody waits for any more.
		f, _ = script(func(ctx context.Context) (int, error) { <-ctx.Done(); panic("late") }, after(0))
		if v, err := attempt.Do(t.Context(), attempt.New(attempt.Options{}), f); v != 42 || err != nil {
			t.Errorf("got %d, %v beside a panic of the loser, want the answer", v, err)
		}
	})
}

// Where only one may send, an attempt that is connected while another has sent
// gives way, and one that hangs after it has sent is abandoned for the next.
func TestOneSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sending, most atomic.Int32
		call := func(connected, answered time.Duration) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				a := evidence.Current(ctx)
				a.Phase(fault.PhaseConnect)
				time.Sleep(connected)
				if err := a.Send(); err != nil {
					return 0, err
				}
				most.Store(max(most.Load(), sending.Add(1)))
				defer sending.Add(-1)
				return after(answered)(ctx)
			}
		}
		const never = time.Hour
		tests := []struct {
			name    string
			f       []func(context.Context) (int, error)
			started int32
			elapsed time.Duration
		}{
			{"slow to connect: another connects beside it and sends", []func(context.Context) (int, error){call(2*time.Second, 0), call(100*time.Millisecond, 3*time.Second)}, 2, 3500 * time.Millisecond},
			{"sent: none beside it", []func(context.Context) (int, error){call(0, 5*time.Second), call(0, 0)}, 1, 5 * time.Second},
			{"sent and hung: another after half of the time", []func(context.Context) (int, error){call(0, never), call(0, time.Second)}, 2, 13500 * time.Millisecond},
		}
		for _, tt := range tests {
			most.Store(0)
			f, started := script(tt.f...)
			v, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) {
				return attempt.Do(ctx, attempt.New(attempt.Options{OneSends: true}), f)
			})
			if v != 42 || err != nil || elapsed != tt.elapsed || started.Load() != tt.started || most.Load() != 1 {
				t.Errorf("%s: %v, %v after %v, %d attempts, %d sending at once; want 42 after %v, %d attempts, 1", tt.name,
					v, err, elapsed, started.Load(), most.Load(), tt.elapsed, tt.started)
			}
		}
	})
}

// An attempt that gave the caller part of its answer is the call's last: it has
// all the time left, and nothing comes beside or after it.
func TestCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		committed := func(after time.Duration, then func(context.Context) (int, error)) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				if err := evidence.Current(ctx).Send(); err != nil {
					return 0, err
				}
				time.Sleep(after)
				attempt.Commit(ctx)
				return then(ctx)
			}
		}
		broken := func(context.Context) (int, error) { return 0, fault.New(fault.Unavailable, "it broke off") }
		tests := []struct {
			name    string
			f       []func(context.Context) (int, error)
			ok      bool
			started int32
			elapsed time.Duration
		}{
			{"longer than half of the time", []func(context.Context) (int, error){committed(time.Second, after(22*time.Second))}, true, 1, 23 * time.Second},
			{"hangs after it began", []func(context.Context) (int, error){committed(time.Second, hang)}, false, 1, 25 * time.Second},
			{"breaks off", []func(context.Context) (int, error){committed(time.Second, broken)}, false, 1, time.Second},
			{"hangs before it began", []func(context.Context) (int, error){sentAndHung, committed(time.Second, after(0))}, true, 2, 13500 * time.Millisecond},
		}
		for _, tt := range tests {
			f, started := script(tt.f...)
			_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) {
				return attempt.Do(ctx, attempt.New(attempt.Options{OneSends: true}), f)
			})
			if (err == nil) != tt.ok || elapsed != tt.elapsed || started.Load() != tt.started {
				t.Errorf("%s: %v after %v, %d attempts; want success %t after %v, %d attempts", tt.name, err, elapsed, started.Load(), tt.ok, tt.elapsed, tt.started)
			}
		}
	})
}

// How long a first token may take is learned from those before it, and not from
// how long the texts took that they began.
func TestCommitTeachesPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := attempt.New(attempt.Options{OneSends: true})
		talk := func(ctx context.Context) (int, error) {
			time.Sleep(time.Second)
			attempt.Commit(ctx)
			time.Sleep(9 * time.Second)
			return 42, nil
		}
		for range 10 {
			f, _ := script(talk)
			if _, _, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) }); err != nil {
				t.Fatal(err)
			}
		}
		f, _ := script(sentAndHung, after(0))
		_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) })
		if err != nil || elapsed != 3*time.Second {
			t.Errorf("the hang was left after %v (%v), want 3 s: three times what a first token takes", elapsed, err)
		}
	})
}

// A rate limit is waited out for as long as there is time, at the service's pace,
// and costs nothing of the ration; what is left at the end is the rate limit.
func TestPatient(t *testing.T) {
	limited := func(after time.Duration) *fault.Error {
		return &fault.Error{Kind: fault.RateLimited, Detail: "throttled", RetryAfter: after}
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		until := func(d time.Duration, f *fault.Error) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				evidence.Current(ctx).Phase(fault.PhaseReceive)
				if time.Since(start) < d {
					return 0, f
				}
				return 42, nil
			}
		}
		tests := []struct {
			name             string
			f                func(context.Context) (int, error)
			ok               bool
			least, most      time.Duration
			attemptsAtMost   int32
			kind             fault.Kind
			phase            fault.Phase
			retryAfterAtLeat time.Duration
		}{
			{"ten seconds of throttling", until(10*time.Second, limited(0)), true, 10 * time.Second, 12 * time.Second, 25, 0, "", 0},
			{"paced by the service", until(5*time.Second, limited(2*time.Second)), true, 6 * time.Second, 8 * time.Second, 4, 0, "", 0},
			{"for ever", until(time.Hour, limited(0)), false, 23 * time.Second, 25 * time.Second, 60, fault.RateLimited, fault.PhaseReceive, time.Second},
			{"longer than there is time", until(time.Hour, limited(time.Minute)), false, 0, 0, 1, fault.RateLimited, fault.PhaseReceive, time.Minute},
		}
		p := attempt.New(attempt.Options{Patient: true})
		for _, tt := range tests {
			start = time.Now()
			f, started := script(tt.f)
			_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) })
			if (err == nil) != tt.ok || elapsed < tt.least || elapsed > tt.most || started.Load() > tt.attemptsAtMost {
				t.Errorf("%s: %v after %v and %d attempts; want success %t after %v to %v and %d at the most",
					tt.name, err, elapsed, started.Load(), tt.ok, tt.least, tt.most, tt.attemptsAtMost)
			}
			if got := fault.From(err); got != nil && (got.Kind != tt.kind || got.Phase != tt.phase || got.Step != fault.StepEmbed || got.RetryAfter < tt.retryAfterAtLeat) {
				t.Errorf("%s: got %+v, want %s in phase %s", tt.name, got, tt.kind, tt.phase)
			}
		}
		// The ration is whole: a hang after all that is survived at once.
		f, _ := script(hang, after(0))
		if _, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) }); err != nil || elapsed > time.Second {
			t.Errorf("a hang after rate limits: %v after %v, want it survived in a second", err, elapsed)
		}
	})
}
