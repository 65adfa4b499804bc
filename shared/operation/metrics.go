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
	PromptTokens     Counter = "prompt_tokens"     // read by chat models
	CompletionTokens Counter = "completion_tokens" // written by chat models
	CitationsDropped Counter = "citations_dropped" // markers in an answer that refer to no passage
	ChunksReused     Counter = "chunks_reused"
	StaleChunks      Counter = "stale_chunks" // documents of which a search met left-over chunks
)

var counters = []Counter{EmbeddingTokens, PromptTokens, CompletionTokens, CitationsDropped, ChunksReused, StaleChunks}

type countsKey struct{}

type counts struct {
	mu         sync.Mutex
	n          map[Counter]int
	degradedBy *fault.Error // why the answer is less than was asked for; nil if it is not
}

// Degrade records why the operation of ctx gives less than it was asked for. The operation
// does not fail, but metric, log and trace show it.
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

// Count adds n to a counter of the operation of ctx. A counter that Count is never called
// for is no metric of the operation. Outside of an operation Count does nothing.
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

// Namespace is the metrics' namespace in CloudWatch.
const Namespace = "Ragtime"

// The value of the member _aws in CloudWatch's embedded metric format (EMF). It says which
// other members of the log line are metrics and dimensions; CloudWatch ignores the rest:
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

// metrics returns the members of the finish line that make it EMF.
//
// Each metric has the dimension function. Timeouts whose phase is known are also counted by
// step and phase, and so are those that only degraded an answer. An operation that a
// client's own wish cut short counts as wish_timeouts and not as timeouts: nobody need be
// woken because a client is in a hurry.
func (op *Operation) metrics() []any {
	byPhase := [][]string{{"function", "step", "phase"}}
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
		directives = append(directives, emfDirective{Namespace, byPhase, []emfMetric{{name, "Count"}}})
	}
	if degraded != nil && op.Fault == nil && degraded.Kind == fault.Timeout {
		if degraded.Step != "" && degraded.Phase != "" {
			directives = append(directives, emfDirective{Namespace, byPhase, []emfMetric{{"degraded", "Count"}}})
		}
	}
	attrs = append(attrs, "overtaken", t.overtaken) // no metric: it says little more than hedges
	return append(attrs, "_aws", emfMember{time.Now().UnixMilli(), directives})
}

// functionName is the name of the Lambda function, which differs between deployments.
// Outside of Lambda it is the operation's.
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

// percent is how much of the budget was used, 100 for all of it. Without a budget it is 100.
func percent(elapsed, budget time.Duration) float64 {
	if budget <= 0 {
		return 100
	}
	return float64(1000*elapsed/budget) / 10
}

// isCallerFault tells whether the caller's request is to blame: nobody need be woken for
// that. A rate limit or an exhausted quota is not the caller's.
func isCallerFault(k fault.Kind) bool {
	s := k.Status()
	return s < 500 && s != fault.RateLimited.Status()
}

// tally counts the attempts of an operation.
type tally struct {
	attempts  int
	hedges    int // attempts that started while another one of the same call ran
	survived  int // attempts that timed out or hung, in steps that succeeded
	overtaken int // attempts that were merely slower than a later one, in such steps
}

func countAttempts(s evidence.Snapshot) (t tally) {
	for _, step := range s.Steps {
		t.attempts += len(step.Attempts)
		t.hedges += hedges(step.Attempts)
		if step.Err != nil || step.End.IsZero() {
			continue
		}
		for _, a := range step.Attempts {
			switch {
			case a.Err == nil:
			case a.Lost == evidence.Hung, fault.From(a.Err).Kind == fault.Timeout:
				t.survived++
			case a.Lost == evidence.Overtaken:
				t.overtaken++
			}
		}
	}
	return t
}

// hedges counts the attempts that started while the attempt before them ran, and not after
// it had failed. Calls that a step makes at once all number their attempts from 1. So an
// attempt n counts as the one after the earliest failed attempt n-1 that no other attempt
// has followed.
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
