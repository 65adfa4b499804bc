// Package lab drives the whole system through every fault that its network can have.
// For each it reports the answer and its time, the step and phase that each piece of
// evidence names, and what the function's process has left open.
//
// Scenarios returns all scenarios. Run runs some of them with real function processes,
// sockets, TLS and DNS, and returns a Row for each. A row's Verdict says which promise
// was broken; it is empty if none was.
package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

// Scenario is a fault, the function and service that it hits, and the promised result.
type Scenario struct {
	Name     string // unique, such as "retrieve openai wait-silent"
	Function string // embed, retrieve or answer
	Service  string // openai, chat (openai as the answer function reaches it), dynamodb or secretsmanager
	Faults   []network.Fault
	Want     Want

	wait            time.Duration // Prefer: wait; 0 for none
	pooled          bool          // the process has a connection in its pool when the fault comes
	freeze          time.Duration // how long the process is frozen before the request
	cold            bool          // the process starts with the request
	stream          bool          // the answer is streamed
	mayRepeat       bool          // a request may be paid for twice, since the service took it and never answered
	largeRequest    bool          // a document or query that is larger than the connection's windows
	largestDocument bool          // a document of 1 MiB
	// hurriedClients is how many requests with Prefer: wait=1 hang before. They must not
	// affect the request.
	hurriedClients int
	shared         bool  // one process serves several requests at once
	load           *load // many requests instead of one
}

// Want is the promised result. Zero fields are not checked, except for Problem.
type Want struct {
	Status  int
	Problem string // the last part of the problem's type, or the kind of an answer's "degraded"; "" for a success
	Step    fault.Step
	Phases  []fault.Phase // any of these
	// Over is the most that a survived fault may add to the time of a healthy request.
	// Scenarios with it run alone.
	Over time.Duration
	// Within is Over for limits that a busy machine can meet. Scenarios with it run
	// beside others.
	Within time.Duration
	// Promptly says that the failure must not take the whole budget.
	Promptly bool
}

// Place is a step and a phase; empty where nothing went wrong.
type Place struct {
	Step  fault.Step  `json:"step,omitempty"`
	Phase fault.Phase `json:"phase,omitempty"`
}

// Row is the result of a scenario.
type Row struct {
	Scenario  string `json:"scenario"`
	Function  string `json:"function"`
	Service   string `json:"service"`
	Outcome   string `json:"outcome"` // ok, timeout or error; for a load, as for Status, the most frequent one
	Status    int    `json:"status"`
	Problem   string `json:"problem,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms"`
	BudgetMS  int64  `json:"budget_ms"`
	// The place that each piece of evidence names. The metric names one for timeouts only.
	Response Place `json:"response"`
	Log      Place `json:"log"`
	Metric   Place `json:"metric"`
	Trace    Place `json:"trace"`
	Attempts int   `json:"attempts"`
	// How many more the process had after the fault than before.
	Goroutines int    `json:"goroutines"`
	Sockets    int    `json:"sockets"`
	Note       string `json:"note,omitempty"` // figures of a load
	Verdict    string `json:"verdict,omitempty"`
}

// Options say how to run.
type Options struct {
	Root     string         // the folder with template.yaml and build/
	Filter   *regexp.Regexp // of scenario names; nil is all
	Parallel int            // systems that run at once; 0 is 6. Scenarios that measure run alone
	Slack    time.Duration  // by how much an answer may exceed its budget; 0 is 250 ms
	// Unmeasured leaves out all checks of latencies, which fail on a busy machine: whole
	// scenarios, and in the others how soon a failure came.
	Unmeasured bool
	// Row is called with each row as it ends; calls never overlap.
	Row func(Row)
	// Documents is called with the X-Ray documents of each row's request; calls may overlap.
	Documents func(scenario string, documents []json.RawMessage)
}

// Run runs the scenarios that the filter matches. The error is one of the lab itself;
// a broken promise is in the Verdict of its row.
func Run(ctx context.Context, o Options) ([]Row, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("the lab needs Linux: it counts the sockets of function processes in /proc, " +
			"and its network needs all of 127.0.0.0/8")
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

// run runs scenarios on a number of benches. Each bench has a system of its own.
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
