package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	schedules = flag.Int("schedules", 2000, "how many random schedules TestSimulate runs")
	seed      = flag.Uint64("seed", 0, "the seed of the first schedule; 0 is one of the clock's")
	overWire  = flag.Float64("wire", 0.02, "the share of schedules that go over the real wire, which is slower")
	narrate   = flag.Bool("narrate", false, "tell what was drawn and what happened, also where it was right")
)

// TestSimulate holds the engine against the rules, over schedules at random. `make
// simulate` runs ten million.
func TestSimulate(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	s := &suite{t: t, first: first, start: time.Now()}
	t.Run("schedules", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				s.work(t)
			})
		}
	})
	s.report()
}

// suite is one run of many schedules.
type suite struct {
	t     *testing.T
	first uint64
	start time.Time
	next  atomic.Int64

	mu     sync.Mutex
	failed int
	total  tally
}

// enough failures tell what is wrong.
const enough = 3

// work runs schedules until there are no more.
func (s *suite) work(t *testing.T) {
	var mine tally
	defer func() { s.add(mine) }()
	for {
		i := s.next.Add(1) - 1
		if i >= int64(*schedules) || s.failures() >= enough {
			return
		}
		p := &process{schedule: draw(s.first + uint64(i))}
		s.one(t, p)
		mine.add(p.tally)
		if i > 0 && i%100_000 == 0 {
			took := time.Since(s.start)
			fmt.Printf("%d schedules in %v, %v each\n", i, took.Round(time.Second), (took / time.Duration(i)).Round(time.Microsecond))
		}
	}
}

// one runs a schedule. What is left when it ends makes a panic of synctest's.
func (s *suite) one(t *testing.T, p *process) {
	defer func() {
		if v := recover(); v != nil {
			p.broken(nil, "left behind: %v", v)
		}
		if len(p.wrong) > 0 || *narrate {
			s.tell(t, p)
		}
	}()
	synctest.Test(t, func(*testing.T) { p.run() })
}

func (s *suite) tell(t *testing.T, p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := p.schedule.String()
	for i, w := range p.wrong {
		if i < enough {
			out += "\nBROKEN " + w
		}
	}
	if *narrate {
		for _, c := range p.calls {
			out += "\n" + c.String()
		}
	}
	again := fmt.Sprintf("again with: go test ./local/simulation -run TestSimulate -schedules 1 -seed %d -wire %v", p.seed, *overWire)
	if len(p.wrong) == 0 {
		t.Logf("\n%s%s", out, again)
		return
	}
	if s.failed++; s.failed <= enough {
		t.Errorf("\n%s\n%s", out, again)
	}
}

func (s *suite) failures() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *suite) add(mine tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.add(mine)
}

func (a *tally) add(b tally) {
	a.calls += b.calls
	a.attempts += b.attempts
	a.answers += b.answers
	a.survived += b.survived
	a.pauses += b.pauses
	a.short += b.short
	a.long += b.long
	a.healthy += b.healthy
	a.healthyExtra += b.healthyExtra
	a.healthyHung += b.healthyHung
}

// report tells what only many schedules together show, and holds it to the promises.
func (s *suite) report() {
	all := s.total
	s.t.Logf("%d schedules in %v: %d calls, %d attempts, %d answers, %d of them of a later attempt than the first",
		min(int64(*schedules), s.next.Load()), time.Since(s.start).Round(100*ms), all.calls, all.attempts, all.answers, all.survived)
	s.t.Logf("healthy, with experience: %d calls, %d extra attempts, %d said to hang", all.healthy, all.healthyExtra, all.healthyHung)
	if all.pauses > 1000 && min(all.short, all.long)*5 < all.pauses {
		s.t.Errorf("NOT KEPT of %d pauses %d are short and %d long, want them spread", all.pauses, all.short, all.long)
	}
	if all.healthy < 4000 { // too few to say
		return
	}
	if share := float64(all.healthyExtra) / float64(all.healthy); share > 0.03 {
		s.t.Errorf("NOT KEPT %.1f %% extra attempts of healthy calls, want 3 %% at most", 100*share)
	}
	if share := float64(all.healthyHung) / float64(all.healthy); share > 0.001 {
		s.t.Errorf("NOT KEPT %.3f %% of healthy calls are said to have hung, want 0.1 %% at most", 100*share)
	}
}
