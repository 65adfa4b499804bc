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

	ok    float64       // share of requests that succeed, at least
	tail  float64       // p99 in healthy p99s, at most; 0 is not looked at
	p99   time.Duration // at most; 0 is not looked at
	extra float64       // attempts beyond one a request, as a share, at most
}

// clients ask at once, and have a process each.
const clients = 8

// measured is how a number of requests fared.
type measured struct {
	ok       int
	latency  []time.Duration // sorted
	late     int             // answered after their budget
	attempts int             // that reached the service
	statuses map[int]int     // how many answers had which
	outcomes map[string]int
}

// most is what was counted most often.
func most[K comparable](counts map[K]int) (out K) {
	n := 0
	for k, count := range counts {
		if count > n {
			out, n = k, count
		}
	}
	return out
}

func (m measured) quantile(q float64) time.Duration {
	return m.latency[min(int(q*float64(len(m.latency))), len(m.latency)-1)]
}

func (b *bench) runLoad(ctx context.Context, s Scenario) (Row, error) {
	l := s.load
	host := b.host(s.Service)
	// Every process starts, and has some experience, before anything is counted.
	var warm []network.Fault
	if s.Faults[0].Name == "slow" {
		warm = s.Faults[:1]
	}
	if err := host.Set(warm...); err != nil {
		return Row{}, err
	}
	if _, err := b.measure(ctx, s, 25*clients, 0); err != nil {
		return Row{}, err
	}
	usual, err := b.measure(ctx, s, 25*clients, 0)
	if err != nil {
		return Row{}, err
	}
	if err := host.Set(s.Faults...); err != nil {
		return Row{}, err
	}
	got, err := b.measure(ctx, s, l.requests, l.wait)
	if err != nil {
		return Row{}, err
	}
	if err := host.Set(); err != nil {
		return Row{}, err
	}
	share := float64(got.ok) / float64(l.requests)
	extra := float64(got.attempts-l.requests) / float64(l.requests)
	p50, p99 := got.quantile(0.5), got.quantile(0.99)
	row := Row{Scenario: s.Name, Function: s.Function, Service: s.Service, Status: most(got.statuses), Outcome: most(got.outcomes), ElapsedMS: p99.Milliseconds(), Attempts: got.attempts,
		Note: fmt.Sprintf("%d requests by %d: %.1f %% ok, p50 %d ms, p99 %d ms (healthy %d ms), %.1f %% extra attempts", l.requests, clients,
			100*share, p50.Milliseconds(), p99.Milliseconds(), usual.quantile(0.99).Milliseconds(), 100*extra)}
	var mistakes []string
	miss := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	if share < l.ok {
		miss("%.1f %% ok, want %.0f %%", 100*share, 100*l.ok)
	}
	if extra > l.extra {
		miss("%.1f %% extra attempts, want %.0f %%", 100*extra, 100*l.extra)
	}
	if l.tail > 0 && float64(p99) > l.tail*float64(usual.quantile(0.99)) {
		miss("p99 is over %.0f healthy ones", l.tail)
	}
	if l.p99 > 0 && p99 > l.p99 {
		miss("p99 is over %v", l.p99)
	}
	if got.late > 0 {
		miss("%d answers later than their budget", got.late)
	}
	row.Verdict = b.verdict(mistakes)
	return row, nil
}

// measure makes requests and counts the attempts that the service saw of them.
func (b *bench) measure(ctx context.Context, s Scenario, requests int, wait time.Duration) (measured, error) {
	var mu sync.Mutex
	m := measured{statuses: map[int]int{}, outcomes: map[string]int{}}
	before := b.host(s.Service).Counts().Requests
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(clients)
	for range requests {
		g.Go(func() error {
			a, err := b.ask(ctx, s, wait)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			m.latency = append(m.latency, a.elapsed)
			m.statuses[a.status]++
			m.outcomes[a.log.Outcome]++
			if a.status < 300 {
				m.ok++
			}
			if a.elapsed > time.Duration(a.log.BudgetMS)*time.Millisecond+b.slack {
				m.late++
			}
			return nil
		})
	}
	err := g.Wait()
	slices.Sort(m.latency)
	m.attempts = b.host(s.Service).Counts().Requests - before
	return m, err
}
