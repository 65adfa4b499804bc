package operation

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// Counter is a metric that handlers count.
type Counter string

// The counters.
const (
	EmbeddingTokens  Counter = "embedding_tokens"
	PromptTokens     Counter = "prompt_tokens"     // that a chat model read
	CompletionTokens Counter = "completion_tokens" // that it wrote
	CitationsDropped Counter = "citations_dropped" // markers of an answer that referred to no passage
	ChunksReused     Counter = "chunks_reused"
	StaleChunks      Counter = "stale_chunks" // documents whose left-over chunks a search met
)

var counters = []Counter{EmbeddingTokens, PromptTokens, CompletionTokens, CitationsDropped, ChunksReused, StaleChunks}

type countsKey struct{}

type counts struct {
	mu         sync.Mutex
	n          map[Counter]int
	degradedBy *fault.Error // why the answer is less than was asked for; nil if it is not
}

// Degrade says that the operation that ctx belongs to gives less than it was asked
// for, and why: it is no failure, but metric, log and trace tell of it.
func Degrade(ctx context.Context, why *fault.Error) {
	if counts, _ := ctx.Value(countsKey{}).(*counts); counts != nil {
		counts.mu.Lock()
		defer counts.mu.Unlock()
		counts.degradedBy = why
	}
}

func (c *counts) degraded() *fault.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.degradedBy
}

// Count adds n to a metric of the operation that ctx belongs to. What is never
// counted is not reported. Outside of an operation it does nothing.
func Count(ctx context.Context, c Counter, n int) {
	if counts, _ := ctx.Value(countsKey{}).(*counts); counts != nil {
		counts.mu.Lock()
		defer counts.mu.Unlock()
		if counts.n == nil {
			counts.n = map[Counter]int{}
		}
		counts.n[c] += n
	}
}

// Namespace is CloudWatch's name for the metrics.
const Namespace = "Ragtime"

// Lines in CloudWatch's embedded metric format are JSON objects whose _aws member
// names the other members that are metrics and dimensions; any further members are
// let be:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type (
	emfMember struct {
		Timestamp         int64 // milliseconds since 1970
		CloudWatchMetrics []emfDirective
	}
	emfDirective struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []emfMetric
	}
	emfMetric struct{ Name, Unit string }
)

// metrics are the members that make the finish line one in embedded metric format.
// Each metric has the dimension function; timeouts in a phase, of both kinds, are also counted
// by step and phase. What a client's own wish cut short is in wish_timeouts, not in
// timeouts: nobody need be woken because a client is in a hurry. The dimensions' values are few: the functions, steps and phases
// there are.
func (op *Operation) metrics() []any {
	var all emfDirective
	all.Namespace = Namespace
	all.Dimensions = [][]string{{"function"}}
	attrs := []any{"function", functionName(op.Name)}
	add := func(name, unit string, value any) {
		all.Metrics = append(all.Metrics, emfMetric{name, unit})
		attrs = append(attrs, name, value)
	}
	t := countAttempts(op.Record.Snapshot())
	add("operations", "Count", 1)
	timedOut := op.Outcome() == fault.TimedOut
	add("timeouts", "Count", oneIf(timedOut && !op.wished))
	add("wish_timeouts", "Count", oneIf(timedOut && op.wished))
	add("errors", "Count", oneIf(op.Outcome() == fault.Failed && !isCallerFault(op.Fault.Kind)))
	add("duration", "Milliseconds", float64(op.Elapsed.Microseconds())/1000)
	add("budget_used", "Percent", percent(op.Elapsed, op.Budget))
	add("attempts", "Count", t.attempts)
	add("hedges", "Count", t.hedges)
	add("hangs_survived", "Count", t.survived)
	degraded := op.counts.degraded()
	if degraded != nil {
		add("degraded", "Count", 1)
	}
	op.counts.mu.Lock()
	for _, c := range counters {
		if n, ok := op.counts.n[c]; ok {
			add(string(c), "Count", n)
		}
	}
	op.counts.mu.Unlock()
	directives := []emfDirective{all}
	if f := op.Fault; timedOut && f.Step != "" && f.Phase != "" {
		name := "timeouts"
		if op.wished {
			name = "wish_timeouts"
		}
		directives = append(directives, emfDirective{Namespace, [][]string{{"function", "step", "phase"}}, []emfMetric{{name, "Count"}}})
	}
	if degraded != nil && op.Fault == nil && degraded.Step != "" && degraded.Phase != "" {
		if degraded.Kind == fault.Timeout {
			directives = append(directives, emfDirective{Namespace, [][]string{{"function", "step", "phase"}}, []emfMetric{{"degraded", "Count"}}})
		}
	}
	return append(attrs, "_aws", emfMember{time.Now().UnixMilli(), directives})
}

// functionName is the name of the Lambda function, which tells two deployments apart;
// outside of Lambda the operation's.
func functionName(operation string) string {
	if lambdacontext.FunctionName != "" {
		return lambdacontext.FunctionName
	}
	return operation
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// percent is how much of the budget was used; all of it, if there was none.
func percent(elapsed, budget time.Duration) float64 {
	if budget <= 0 {
		return 100
	}
	return float64(1000*elapsed/budget) / 10
}

// isCallerFault tells whether the caller's request is what is wrong: nobody need be
// woken for that. A rate limit or quota is the remote service's.
func isCallerFault(k fault.Kind) bool {
	s := k.Status()
	return s < 500 && s != fault.RateLimited.Status()
}

// tally counts the attempts of an operation.
type tally struct {
	attempts int
	hedges   int // attempts that began beside another of the same call
	survived int // attempts that timed out or were given up as hung in a step that succeeded
}

func countAttempts(s evidence.Snapshot) (t tally) {
	for _, step := range s.Steps {
		t.attempts += len(step.Attempts)
		t.hedges += hedges(step.Attempts)
		if step.Err != nil || step.End.IsZero() {
			continue
		}
		for _, a := range step.Attempts {
			if a.Err != nil && (a.Hung || fault.From(a.Err).Kind == fault.Timeout) {
				t.survived++
			}
		}
	}
	return t
}

// hedges counts the attempts that did not follow the failure of the one before
// them, but ran beside it. A step may make several calls at once, each counting
// from 1: an attempt follows the earliest failure of its predecessor's number that
// no other attempt followed.
func hedges(attempts []evidence.AttemptView) (n int) {
	followed := make([]bool, len(attempts))
	for i, a := range attempts {
		if a.Number == 1 {
			continue
		}
		after := -1
		for j, b := range attempts[:i] {
			if b.Number == a.Number-1 && !followed[j] && b.Err != nil && !b.End.IsZero() && !b.End.After(a.Start) {
				after = j
				break
			}
		}
		if after < 0 {
			n++
			continue
		}
		followed[after] = true
	}
	return n
}
