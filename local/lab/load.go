package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/network"
)

// load is many requests by several clients, and what is promised of them all.
type load struct {
	requests int
	wait     time.Duration
	// shared: 32 clients share one process, else 8 have one each.
	shared bool
	// hurried: every third request has Prefer: wait=1. What becomes of it is not looked at.
	hurried bool

	ok         float64       // share of requests that succeed, at least
	tailFactor float64       // p99 in healthy p99s, at most; 0 is not looked at
	p99        time.Duration // at most; 0 is not looked at
	extra      float64       // attempts beyond one a request, as a share, at most
}

// perProcess is how many requests one process serves at once where clients share it.
const perProcess = 32

// clients is how many ask at once.
func (l load) clients() int {
	if l.shared {
		return perProcess
	}
	return 8
}

// measurement is how a number of requests fared.
type measurement struct {
	ok       int
	latency  []time.Duration // sorted; of requests that are in no hurry
	hung     int             // hangs that were survived, as the finish lines count them
	late     int             // answered after their budget
	attempts int             // that reached the service
	statuses map[int]int     // how many answers had which
	outcomes map[string]int
}

// mostFrequent is what was counted most often.
func mostFrequent[K comparable](counts map[K]int) (out K) {
	n := 0
	for k, count := range counts {
		if count > n {
			out, n = k, count
		}
	}
	return out
}

func (m measurement) quantile(q float64) time.Duration {
	return m.latency[min(int(q*float64(len(m.latency))), len(m.latency)-1)]
}

func (b *bench) runLoad(ctx context.Context, s Scenario) (Row, error) {
	l := s.load
	warmUp := load{requests: 25 * l.clients(), shared: l.shared}
	host := b.host(s.Service)
	// Every process starts, and has some experience, before anything is counted.
	var warm []network.Fault
	if s.Faults[0].Name == "slow" {
		warm = s.Faults[:1]
	}
	if err := host.Set(warm...); err != nil {
		return Row{}, err
	}
	if _, err := b.measure(ctx, s, warmUp); err != nil {
		return Row{}, err
	}
	usual, err := b.measure(ctx, s, warmUp)
	if err != nil {
		return Row{}, err
	}
	if err := host.Set(s.Faults...); err != nil {
		return Row{}, err
	}
	got, err := b.measure(ctx, s, *l)
	if err != nil {
		return Row{}, err
	}
	if err := host.Set(); err != nil {
		return Row{}, err
	}
	share := float64(got.ok) / float64(len(got.latency))
	extra := float64(got.attempts-l.requests) / float64(l.requests)
	p50, p99 := got.quantile(0.5), got.quantile(0.99)
	row := Row{Scenario: s.Name, Function: s.Function, Service: s.Service, Status: mostFrequent(got.statuses), Outcome: mostFrequent(got.outcomes), ElapsedMS: p99.Milliseconds(), Attempts: got.attempts,
		Note: fmt.Sprintf("%d requests by %d: %.1f %% ok, p50 %d ms, p99 %d ms (healthy %d ms), %.1f %% extra attempts, %d hangs counted", l.requests, l.clients(),
			100*share, p50.Milliseconds(), p99.Milliseconds(), usual.quantile(0.99).Milliseconds(), 100*extra, got.hung)}
	var mistakes []string
	miss := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	if share < l.ok {
		miss("%.1f %% ok, want %.0f %%", 100*share, 100*l.ok)
	}
	if extra > l.extra {
		miss("%.1f %% extra attempts, want %.0f %%", 100*extra, 100*l.extra)
	}
	if l.tailFactor > 0 && float64(p99) > l.tailFactor*float64(usual.quantile(0.99)) {
		miss("p99 is over %.0f healthy ones", l.tailFactor)
	}
	if l.p99 > 0 && p99 > l.p99 {
		miss("p99 is over %v", l.p99)
	}
	if n := usual.hung; n > 0 {
		miss("%d hangs counted where nothing hung", n)
	}
	if got.late > 0 {
		miss("%d answers later than their budget", got.late)
	}
	row.Verdict = b.verdict(mistakes)
	return row, nil
}

// measure makes requests and counts the attempts that the service saw of them.
func (b *bench) measure(ctx context.Context, s Scenario, l load) (measurement, error) {
	var mu sync.Mutex
	m := measurement{statuses: map[int]int{}, outcomes: map[string]int{}}
	before := b.host(s.Service).Counts().Requests
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(l.clients())
	for i := range l.requests {
		wait, hurried := l.wait, l.hurried && i%3 == 2
		if hurried {
			wait = time.Second
		}
		g.Go(func() error {
			a, err := b.ask(ctx, s, wait)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			m.hung += a.finish.HangsSurvived
			if a.elapsed > time.Duration(a.finish.BudgetMS)*time.Millisecond+b.slack {
				m.late++
			}
			if hurried {
				return nil
			}
			m.latency = append(m.latency, a.elapsed)
			m.statuses[a.status]++
			m.outcomes[a.finish.Outcome]++
			if a.status < 300 {
				m.ok++
			}
			return nil
		})
	}
	err := g.Wait()
	slices.Sort(m.latency)
	m.attempts = b.host(s.Service).Counts().Requests - before
	return m, err
}
