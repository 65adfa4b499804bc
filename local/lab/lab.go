// Package lab drives the whole system through every fault that its network can
// have, and tells how each ended: the answer, its time, the step and the phase
// that were named, in the answer and in the log, and what the function process
// had left open afterwards.
//
// Scenarios lists what there is; Run runs some of it over real function
// processes, sockets, TLS and DNS, and gives a Row for each. A row's Verdict says
// what was not as promised; it is empty if all was.
package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

// Scenario is a fault, what it strikes, and what is promised to come of it.
type Scenario struct {
	Name     string // unique, such as "retrieve openai wait-silent"
	Function string // embed, retrieve or answer
	Service  string // openai, chat (which is openai, as answers ask it), dynamodb or secretsmanager
	Faults   []network.Fault
	Want     Want

	wait            time.Duration // the client's wish; 0 for none
	pooled          bool          // the fault strikes while the process has a connection in its pool
	freeze          time.Duration // how long the process was frozen before the request
	cold            bool          // the process starts with the request
	stream          bool          // an answer event by event
	mayRepeat       bool          // the service takes requests and answers none, so that one more is paid for
	largeRequest    bool          // a document or query larger than the connection's windows
	largestDocument bool          // a document of 1 MiB
	// hurriedClients clients come before, with Prefer: wait=1 each, and hang; nothing that they did
	// may be felt.
	hurriedClients int
	shared         bool  // a process serves several requests at once
	load           *load // many requests instead of one
}

// Want is what is promised. A zero field is not looked at, but for Problem.
type Want struct {
	Status  int
	Problem string // the last part of the problem's type, or the kind of what an answer lacks; "" for a success
	Step    fault.Step
	Phases  []fault.Phase // any of these
	// Over is the most that a survived fault may add to the time of a healthy request.
	Over time.Duration
	// Within is the same where a busy machine does not spoil it: such scenarios run beside others.
	Within time.Duration
	// Promptly is for failures that must not wait for the budget.
	Promptly bool
}

// Place is a step and a phase; empty where nothing went wrong.
type Place struct {
	Step  fault.Step  `json:"step,omitempty"`
	Phase fault.Phase `json:"phase,omitempty"`
}

// Row is how a scenario ended.
type Row struct {
	Scenario  string `json:"scenario"`
	Function  string `json:"function"`
	Service   string `json:"service"`
	Outcome   string `json:"outcome"` // ok, timeout or error; of a load, as the status, what most had
	Status    int    `json:"status"`
	Problem   string `json:"problem,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms"`
	BudgetMS  int64  `json:"budget_ms"`
	// Where each piece of evidence puts what went wrong. The metric names timeouts only.
	Response Place `json:"response"`
	Log      Place `json:"log"`
	Metric   Place `json:"metric"`
	Trace    Place `json:"trace"`
	Attempts int   `json:"attempts"`
	// What the process had more than before, once the fault was gone.
	Goroutines int    `json:"goroutines"`
	Sockets    int    `json:"sockets"`
	Note       string `json:"note,omitempty"` // figures of a load
	Verdict    string `json:"verdict,omitempty"`
}

// Options say how to run.
type Options struct {
	Root     string         // the folder with template.yaml and build/
	Filter   *regexp.Regexp // of scenario names; nil is all
	Parallel int            // systems side by side; 0 is 6. Scenarios that measure run alone
	Slack    time.Duration  // what an answer may be later than its budget; 0 is 250 ms
	// Unmeasured leaves out what is about latencies, which a busy machine spoils:
	// some scenarios, and of the others how soon a failure was told.
	Unmeasured bool
	Row        func(Row) // is told of each row as it ends; calls never overlap
	// Documents is told of the X-Ray documents of each row\'s request; calls may overlap.
	Documents func(scenario string, documents []json.RawMessage)
}

// Run runs the scenarios that the filter lets through. The error is of the lab
// itself; what failed of a scenario is in its row.
func Run(ctx context.Context, o Options) ([]Row, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("the lab needs Linux: it counts the sockets of function processes in /proc, and its network needs all of 127.0.0.0/8")
	}
	if o.Parallel == 0 {
		o.Parallel = 6
	}
	if o.Slack == 0 {
		o.Slack = 250 * time.Millisecond
	}
	var together, alone []Scenario
	for _, s := range Scenarios() {
		switch {
		case o.Filter != nil && !o.Filter.MatchString(s.Name):
		case o.Unmeasured && (s.load != nil || s.Want.Over > 0):
		case s.load != nil || s.Want.Over > 0:
			alone = append(alone, s)
		default:
			together = append(together, s)
		}
	}
	if len(together)+len(alone) == 0 {
		return nil, fmt.Errorf("no scenario has a name like %s", o.Filter)
	}
	r := &runner{options: o}
	if err := r.run(ctx, together, min(o.Parallel, len(together))); err != nil {
		return nil, err
	}
	err := r.run(ctx, alone, min(1, len(alone)))
	return r.rows, err
}

type runner struct {
	options Options
	mu      sync.Mutex // guards rows
	rows    []Row
}

// run runs scenarios on so many benches, each of which has a system of its own.
func (r *runner) run(ctx context.Context, scenarios []Scenario, benches int) error {
	queue := make(chan Scenario, len(scenarios))
	for _, s := range scenarios {
		queue <- s
	}
	close(queue)
	g, ctx := errgroup.WithContext(ctx)
	for range benches {
		g.Go(func() (err error) {
			var b *bench
			defer func() { b.close() }()
			for s := range queue {
				if b == nil || s.cold || b.cold || s.load != nil || b.load || s.shared != b.shared {
					b.close()
					if b, err = newBench(r.options, s); err != nil {
						return err
					}
				}
				row, err := b.run(ctx, s)
				if err != nil {
					return fmt.Errorf("scenario %s: %w", s.Name, err)
				}
				r.mu.Lock()
				r.rows = append(r.rows, row)
				if r.options.Row != nil {
					r.options.Row(row)
				}
				r.mu.Unlock()
			}
			return nil
		})
	}
	return g.Wait()
}
