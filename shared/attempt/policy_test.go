package attempt_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/fault"
)

// A process with experience makes the next attempt when one has taken a little
// longer than nearly all did before it.
func TestDelayFollowsTheLatenciesSeen(t *testing.T) {
	tests := []struct {
		name    string
		seen    []time.Duration
		started int32
		elapsed time.Duration // of a call whose first attempt hangs, and whose others take 100 ms
	}{
		{"none: 700 ms", nil, 2, 800 * time.Millisecond},
		{"one of 1 s: 1.53 s", []time.Duration{time.Second}, 2, 1630 * time.Millisecond},
		{"twenty of 1 s: 1.055 s", slices.Repeat([]time.Duration{time.Second}, 20), 2, 1155 * time.Millisecond},
		{"quick ones: 100 ms", slices.Repeat([]time.Duration{time.Millisecond}, 20), 2, 200 * time.Millisecond},
		{"one slow of 100 does not count", append(slices.Repeat([]time.Duration{time.Second}, 99), 9*time.Second), 2, 1135 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := attempt.New(attempt.Options{})
				for _, d := range tt.seen {
					// Slow ones get company; what they took themselves is what counts.
					f, _ := script(after(d), hang)
					if _, err := attempt.Do(t.Context(), p, f); err != nil {
						t.Fatal(err)
					}
				}
				f, started := script(hang, after(100*time.Millisecond))
				start := time.Now()
				if _, err := attempt.Do(t.Context(), p, f); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); got != tt.elapsed || started.Load() != tt.started {
					t.Errorf("survived after %v with %d attempts, want %v with %d", got, started.Load(), tt.elapsed, tt.started)
				}
			})
		})
	}
}

// Little time left brings the second attempt forward: there must be time for it.
func TestDelayFitsTheTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := script(hang, after(50*time.Millisecond))
		_, elapsed, err := within(t, 300*time.Millisecond, func(ctx context.Context) (int, error) {
			return attempt.Do(ctx, attempt.New(attempt.Options{}), f)
		})
		if err != nil || elapsed != 200*time.Millisecond {
			t.Errorf("%v after %v, want an answer after 200 ms", err, elapsed)
		}
	})
}

// service is a remote service in virtual time: it answers after least to most,
// and a share of its answers never comes.
type service struct {
	mu          sync.Mutex // guards random
	random      *rand.Rand
	least, most time.Duration
	hangs       float64
	attempts    atomic.Int64
}

func (s *service) call(ctx context.Context) (int, error) {
	s.attempts.Add(1)
	s.mu.Lock()
	hangs, takes := s.random.Float64() < s.hangs, s.least+time.Duration(s.random.Int64N(int64(s.most-s.least)))
	s.mu.Unlock()
	if hangs {
		return hang(ctx)
	}
	return after(takes)(ctx)
}

// load makes calls of several function processes, each with a policy of its
// own, one after the other, and tells how they fared.
func (s *service) load(t *testing.T, processes, calls int) (failed int, p99 time.Duration, extra float64) {
	var took []time.Duration
	for range processes {
		p := attempt.New(attempt.Options{})
		for range calls {
			_, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, s.call) })
			if took = append(took, elapsed); err != nil {
				failed++
			}
		}
	}
	slices.Sort(took)
	n := len(took)
	return failed, took[n*99/100], float64(s.attempts.Load()-int64(n)) / float64(n)
}

func TestStrayHangsAreSurvived(t *testing.T) {
	ms := time.Millisecond
	tests := []struct {
		name        string
		least, most time.Duration
		hangs       float64
		p99         time.Duration
		extra       float64
	}{
		{"healthy, 0.2 to 0.6 s", 200 * ms, 600 * ms, 0, 600 * ms, 0.05},
		{"5 % hang, 0.2 to 0.6 s", 200 * ms, 600 * ms, 0.05, 1100 * ms, 0.12},
		{"healthy, 40 to 80 ms", 40 * ms, 80 * ms, 0, 80 * ms, 0.01},
		{"5 % hang, 40 to 80 ms", 40 * ms, 80 * ms, 0.05, 4 * 80 * ms, 0.12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(5) {
				synctest.Test(t, func(t *testing.T) {
					s := &service{random: rand.New(rand.NewPCG(seed, 0)), least: tt.least, most: tt.most, hangs: tt.hangs}
					failed, p99, extra := s.load(t, 8, 400)
					t.Logf("seed %d: %d failed, p99 %v, %.1f %% extra attempts", seed, failed, p99, 100*extra)
					if failed > 0 || p99 > tt.p99 || extra > tt.extra {
						t.Errorf("seed %d: %d failed, p99 %v, %.1f %% extra attempts; want none, %v, %.0f %%", seed, failed, p99, 100*extra, tt.p99, 100*tt.extra)
					}
				})
			}
		})
	}
}

// Ten minutes of outage at steady load cost a process at most four extra attempts,
// after a healthy time that has filled the ration, however the outage looks.
func TestOutageIsNotMadeWorse(t *testing.T) {
	tests := []struct {
		name string
		f    func(context.Context) (int, error)
	}{
		{"silence", hang},
		{"refusals", fails(fault.New(fault.Unavailable, "refused"))},
		{"rate limits", fails(&fault.Error{Kind: fault.RateLimited, RetryAfter: time.Second})},
		{"no connections", func(ctx context.Context) (int, error) {
			select {
			case <-time.After(3 * time.Second):
				return 0, fault.New(fault.Timeout, "no TCP connection")
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := attempt.New(attempt.Options{})
				for range 100 {
					if _, err := attempt.Do(t.Context(), p, after(50*time.Millisecond)); err != nil {
						t.Fatal(err)
					}
				}
				f, attempts := script(tt.f)
				requests := 0
				for start := time.Now(); time.Since(start) < 10*time.Minute; requests++ {
					within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) })
					time.Sleep(time.Second)
				}
				if extra := int(attempts.Load()) - requests; extra > 4 {
					t.Errorf("%d extra attempts over %d requests, want 4 at most", extra, requests)
				}
				// It is over: the next hang is survived once successes have earned it.
				for range 11 {
					if _, err := attempt.Do(t.Context(), p, after(50*time.Millisecond)); err != nil {
						t.Fatal(err)
					}
				}
				f, _ = script(hang, after(0))
				if _, err := attempt.Do(t.Context(), p, f); err != nil {
					t.Errorf("a hang after the outage was not survived: %v", err)
				}
			})
		})
	}
}

// Whatever a service does, a call ends in time: 10,000 schedules of attempts
// that answer, fail, hang and ask to wait, at random.
func TestEndsInTimeWhateverHappens(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	kinds := []fault.Kind{fault.Unavailable, fault.RateLimited, fault.Timeout, fault.Upstream, fault.QuotaExhausted, fault.Internal}
	for i := range 10_000 {
		p := attempt.New(attempt.Options{Max: 1 + random.IntN(5), OneSends: random.IntN(4) == 0})
		budget := time.Duration(1+random.Int64N(2000)) * 10 * time.Millisecond
		schedule := make([]func(context.Context) (int, error), 1+random.IntN(6))
		for j := range schedule {
			wait := time.Duration(random.ExpFloat64() * float64(2*time.Second))
			f := &fault.Error{Kind: kinds[random.IntN(len(kinds))], Detail: "it failed"}
			if f.Kind == fault.RateLimited {
				f.RetryAfter = time.Duration(random.ExpFloat64() * float64(2*time.Second))
			}
			switch random.IntN(4) {
			case 0:
				schedule[j] = after(wait)
			case 1:
				schedule[j] = hang
			default:
				schedule[j] = func(ctx context.Context) (int, error) {
					if _, err := after(wait)(ctx); err != nil {
						return 0, err
					}
					return 0, f
				}
			}
		}
		synctest.Test(t, func(t *testing.T) {
			f, started := script(schedule...)
			ctx, cancel := context.WithTimeout(t.Context(), budget)
			defer cancel()
			start := time.Now()
			v, err := attempt.Do(ctx, p, f)
			got := fault.From(err)
			switch {
			case time.Since(start) > budget:
				t.Fatalf("seed %d, schedule %d: took %v of %v", seed, i, time.Since(start), budget)
			case err == nil && v != 42:
				t.Fatalf("seed %d, schedule %d: an answer of no attempt", seed, i)
			case err != nil && (len(got.Attempts) != int(started.Load()) || got.Detail == "" && !errors.Is(err, context.DeadlineExceeded)):
				t.Fatalf("seed %d, schedule %d: fault %+v after %d attempts", seed, i, got, started.Load())
			}
		})
	}
}

// One hang is survived whatever other clients of the process did before: those in
// a hurry fail on their own short wish, a conditional write fails because its first
// attempt had done it, and a call may fail with the service.
func TestNeighbours(t *testing.T) {
	conflict := fails(fault.New(fault.Conflict, "overtaken by another write"))
	for name, before := range map[string]func(t *testing.T, p *attempt.Policy){
		"64 clients, a third with a wish of one second": func(t *testing.T, p *attempt.Policy) {
			for i := range 64 {
				wish, f := time.Duration(0), after(1500*time.Millisecond)
				if i%3 == 0 {
					wish = time.Second
				}
				within(t, wish, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) })
			}
		},
		"a survived hang of a conditional write": func(t *testing.T, p *attempt.Policy) {
			f, _ := script(hang, conflict)
			within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) })
		},
		"a request that failed with the service": func(t *testing.T, p *attempt.Policy) {
			within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, hang) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := attempt.New(attempt.Options{})
				before(t, p)
				f, _ := script(hang, after(50*time.Millisecond))
				if _, elapsed, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, f) }); err != nil || elapsed > 3*time.Second {
					t.Errorf("the hang was not survived: %v after %v", err, elapsed)
				}
			})
		})
	}
}

// Of healthy calls with a long tail few are repeated: lognormal latencies, sigma 0.7.
func TestHealthyTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 0))
		p := attempt.New(attempt.Options{})
		var mu sync.Mutex
		var attempts atomic.Int64
		call := func(ctx context.Context) (int, error) {
			attempts.Add(1)
			mu.Lock()
			takes := time.Duration(float64(100*time.Millisecond) * math.Exp(0.7*random.NormFloat64()))
			mu.Unlock()
			return after(takes)(ctx)
		}
		const calls = 20_000
		for range calls {
			if _, _, err := within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, call) }); err != nil {
				t.Fatal(err)
			}
		}
		extra := float64(attempts.Load()-calls) / calls
		t.Logf("%.1f %% extra attempts", 100*extra)
		if extra > 0.04 {
			t.Errorf("%.1f %% extra attempts, want 4 %% at most", 100*extra)
		}
	})
}
