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
	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/step"
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
		{"one of 1 s: 3 s", []time.Duration{time.Second}, 2, 3100 * time.Millisecond},
		{"twenty of 1 s: 1.1 s", slices.Repeat([]time.Duration{time.Second}, 20), 2, 1200 * time.Millisecond},
		{"quick ones: 100 ms", slices.Repeat([]time.Duration{time.Millisecond}, 20), 2, 200 * time.Millisecond},
		{"one slow of 100 does not count", append(slices.Repeat([]time.Duration{time.Second}, 99), 9*time.Second), 2, 1120 * time.Millisecond},
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

// service is a remote service in virtual time: it answers after a time, and a share of
// its answers never comes.
type service struct {
	mu     sync.Mutex // guards random
	random *rand.Rand
	takes  func(*rand.Rand) time.Duration
	hangs  float64

	attempts, hung atomic.Int64
}

func (s *service) call(ctx context.Context) (int, error) {
	s.attempts.Add(1)
	s.mu.Lock()
	hangs, takes := s.random.Float64() < s.hangs, s.takes(s.random)
	s.mu.Unlock()
	if hangs {
		s.hung.Add(1)
		return hang(ctx)
	}
	return after(takes)(ctx)
}

// uniform is of answers that take from least to most.
func uniform(least, most time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration { return least + time.Duration(r.Int64N(int64(most-least))) }
}

// lognormal is of answers with a long tail.
func lognormal(median time.Duration, sigma float64) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		return time.Duration(float64(median) * math.Exp(sigma*r.NormFloat64()))
	}
}

// fared is how calls did.
type fared struct {
	failed int
	p99    time.Duration
	extra  float64 // attempts, as a share of the calls
	lost   map[evidence.Loss]int
}

// load makes calls of several function processes, each with a policy of its
// own, one after the other, and tells how they fared.
func (s *service) load(t *testing.T, processes, calls int) fared {
	out := fared{lost: map[evidence.Loss]int{}}
	var took []time.Duration
	for range processes {
		p := attempt.New(attempt.Options{})
		for range calls {
			ctx, record := evidence.With(t.Context())
			ctx, cancel, _, err := deadline.Begin(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = step.Run(ctx, fault.StepEmbed, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, s.call) })
			cancel()
			if took = append(took, time.Since(start)); err != nil {
				out.failed++
			}
			for _, a := range record.Snapshot().Steps[0].Attempts {
				out.lost[a.Lost]++
			}
		}
	}
	slices.Sort(took)
	n := len(took)
	out.p99, out.extra = took[n*99/100], float64(s.attempts.Load()-int64(n))/float64(n)
	return out
}

// Of hangs that are there, those are counted that cannot be a slow answer: nearly all where
// answers take about as long as one another, few where some take ten times as long as others.
func TestStrayHangsAreSurvived(t *testing.T) {
	ms := time.Millisecond
	tests := []struct {
		name    string
		takes   func(*rand.Rand) time.Duration
		hangs   float64
		p99     time.Duration
		extra   float64
		counted float64 // of the hangs, at least
	}{
		{"healthy, 0.2 to 0.6 s", uniform(200*ms, 600*ms), 0, 600 * ms, 0.05, 0},
		{"5 % hang, 0.2 to 0.6 s", uniform(200*ms, 600*ms), 0.05, 1100 * ms, 0.12, 0.45},
		{"healthy, 40 to 80 ms", uniform(40*ms, 80*ms), 0, 80 * ms, 0.01, 0},
		{"5 % hang, 40 to 80 ms", uniform(40*ms, 80*ms), 0.05, 4 * 80 * ms, 0.12, 0.8},
		{"5 % hang, 0.1 s with a long tail", lognormal(100*ms, 0.7), 0.05, 1100 * ms, 0.12, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(3) {
				synctest.Test(t, func(t *testing.T) {
					s := &service{random: rand.New(rand.NewPCG(seed, 0)), takes: tt.takes, hangs: tt.hangs}
					got := s.load(t, 8, 400)
					counted, hung := got.lost[evidence.Hung], s.hung.Load()
					t.Logf("seed %d: %d failed, p99 %v, %.1f %% extra attempts, %d of %d hangs counted", seed, got.failed, got.p99, 100*got.extra, counted, hung)
					if got.failed > 0 || got.p99 > tt.p99 || got.extra > tt.extra {
						t.Errorf("seed %d: %+v; want no failure, p99 %v, %.0f %% extra attempts", seed, got, tt.p99, 100*tt.extra)
					}
					if float64(counted) < tt.counted*float64(hung) || int64(counted) > hung {
						t.Errorf("seed %d: %d attempts are said to have hung, want %.0f %% of %d", seed, counted, 100*tt.counted, hung)
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

// Of healthy calls few are repeated, also where latencies have a long tail, and none is
// said to have hung. Processes that live for ten calls know little of what is usual.
func TestHealthyTail(t *testing.T) {
	tests := []struct {
		sigma     float64
		processes int
		calls     int // of each
		extra     float64
		hung      int
	}{
		{0.7, 1, 20_000, 0.04, 0},
		{0.7, 25, 200, 0.05, 0},
		{0.7, 200, 10, 0.13, 5},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := &service{random: rand.New(rand.NewPCG(1, 0)), takes: lognormal(100*time.Millisecond, tt.sigma)}
			got := s.load(t, tt.processes, tt.calls)
			t.Logf("sigma %.1f, %d calls of %d processes: %.1f %% extra attempts, %d overtaken, %d said to have hung", tt.sigma, tt.calls, tt.processes,
				100*got.extra, got.lost[evidence.Overtaken], got.lost[evidence.Hung])
			if got.failed > 0 || got.extra > tt.extra || got.lost[evidence.Hung] > tt.hung {
				t.Errorf("sigma %.1f, %d processes: %+v; want %.0f %% extra attempts at most, and %d said to have hung", tt.sigma, tt.processes, got, 100*tt.extra, tt.hung)
			}
		})
	}
}

// Two extra attempts begin at once where hangs were seen lately, and not where answers
// were merely slow.
func TestPairs(t *testing.T) {
	const usual = 200 * time.Millisecond
	limit := func(ctx context.Context) (int, error) {
		if _, err := after(usual)(ctx); err != nil {
			return 0, err
		}
		return 0, fault.New(fault.Timeout, "no TLS connection in 0.2 s")
	}
	for name, tt := range map[string]struct {
		before []func(context.Context) (int, error)
		since  int // calls that did well
		pair   bool
	}{
		"nothing":                       {nil, 0, false},
		"a hang":                        {[]func(context.Context) (int, error){hang, after(usual)}, 0, true},
		"a hang, long ago":              {[]func(context.Context) (int, error){hang, after(usual)}, 100, false},
		"a slow answer, overtaken":      {[]func(context.Context) (int, error){hang, after(10 * time.Millisecond)}, 0, false},
		"a slow answer":                 {[]func(context.Context) (int, error){after(2 * usual), after(usual)}, 0, false},
		"a phase that passed its limit": {[]func(context.Context) (int, error){limit, after(usual)}, 0, true},
		"a failure with the service":    {[]func(context.Context) (int, error){limit}, 0, false}, // it spent the ration
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := attempt.New(attempt.Options{})
				do := func(f ...func(context.Context) (int, error)) (started *atomic.Int32) {
					call, started := script(f...)
					within(t, 0, func(ctx context.Context) (int, error) { return attempt.Do(ctx, p, call) })
					return started
				}
				for i := range 64 { // from 160 to 223 ms
					do(after(usual*4/5 + time.Duration(i)*time.Millisecond))
				}
				if tt.before != nil {
					do(tt.before...)
				}
				for range tt.since {
					do(after(usual))
				}
				if got := do(hang, after(usual)).Load(); (got == 3) != tt.pair {
					t.Errorf("the next hang got %d extra attempts at once, want a pair: %t", got-1, tt.pair)
				}
			})
		})
	}
}
