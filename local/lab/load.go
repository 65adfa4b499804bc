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

// load is many requests by several clients, and what is promised of all together.
type load struct {
	requests int
	wait     time.Duration
	shared   bool // 32 clients share one process; else 8 clients have one each
	hurried  bool // every third request has Prefer: wait=1; its result does not count

	ok         float64       // the least share of requests that succeed
	tailFactor float64       // the largest p99, as a multiple of the healthy p99; 0 is not checked
	p99        time.Duration // the largest p99; 0 is not checked
	extra      float64       // the largest share of attempts beyond one a request
}

// perProcess is how many requests a shared process serves at once.
const perProcess = 32

// clients returns how many clients send requests at once.
func (l load) clients() int {
	if l.shared {
		return perProcess
	}
	return 8
}

// measurement is the result of a number of requests.
type measurement struct {
	ok       int
	latency  []time.Duration // sorted; without hurried requests
	hung     int             // hangs that were survived, by the finish lines
	late     int             // answered after their budget
	attempts int             // that reached the service
	statuses map[int]int     // answers by their status
	outcomes map[string]int  // answers by the outcome in the log
}

// mostFrequent returns the key with the largest count.
func mostFrequent[K comparable](counts map[K]int) (out K) {
	n := 0
	for k, count := range counts {
		if count > n {
			out = k
			n = count
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
	// Before the measurement, every process starts and learns the usual latency.
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
	p50 := got.quantile(0.5)
	p99 := got.quantile(0.99)
	row := Row{
		Scenario:  s.Name,
		Function:  s.Function,
		Service:   s.Service,
		Status:    mostFrequent(got.statuses),
		Outcome:   mostFrequent(got.outcomes),
		ElapsedMS: p99.Milliseconds(),
		Attempts:  got.attempts,
		Note: fmt.Sprintf("%d requests by %d: %.1f %% ok, p50 %d ms, p99 %d ms (healthy %d ms), "+
			"%.1f %% extra attempts, %d hangs counted",
			l.requests, l.clients(), 100*share, p50.Milliseconds(), p99.Milliseconds(),
			usual.quantile(0.99).Milliseconds(), 100*extra, got.hung),
	}
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

// measure makes requests, and counts the attempts that reach the service.
func (b *bench) measure(ctx context.Context, s Scenario, l load) (measurement, error) {
	var mu sync.Mutex
	m := measurement{statuses: map[int]int{}, outcomes: map[string]int{}}
	before := b.host(s.Service).Counts().Requests
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(l.clients())
	for i := range l.requests {
		wait := l.wait
		hurried := l.hurried && i%3 == 2
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
