// Package operation begins and ends an operation: its budget, its record, its log lines,
// its trace and its metrics.
//
// Run logs one "operation started" and one "operation finished", whatever happens to the
// work, panics included. While the work waits for long, Run logs "operation waiting" with
// step and phase, and sends X-Ray what is still open. So a process that Lambda kills has
// said where it was, in the log and in the trace. The finish line has the operation's
// metrics, and the trace is complete before Run returns.
//
// None of these has texts of documents or queries, or keys. Since a fault's private cause
// may have some, the log only has what describe leaves of it.
package operation

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/trace"
)

// Operation is the result of one request's work in one function.
type Operation struct {
	ID      string // the Lambda request id
	Name    string // embed, retrieve, ...
	TraceID string // X-Ray's: see trace.ID
	Budget  time.Duration
	Elapsed time.Duration
	Record  *evidence.Record
	Fault   *fault.Error // nil if the work succeeded

	counts counts
	wished bool // see deadline.Wished
}

// firstWait is the time after which "operation waiting" is first logged; after that, at
// each doubling of it.
const firstWait = time.Second

// Run runs the named operation within its budget. It traces the operation if the request is
// sampled; a nil tracer traces nothing. wish is the time that the caller is ready to wait;
// 0 for no wish. work must return soon after its context is done.
func Run(
	ctx context.Context,
	tracer *trace.Tracer,
	name string,
	wish time.Duration,
	work func(context.Context) error,
) *Operation {
	start := time.Now()
	op := &Operation{ID: ID(ctx), Name: name, TraceID: trace.ID(ctx)}
	ctx, op.Record = evidence.With(ctx)
	traced := tracer.Begin(ctx, name, op.ID, op.Record)
	log := slog.With("operation", name, "operation_id", op.ID, "trace_id", op.TraceID)
	bounded, cancel, budget, err := deadline.Begin(ctx, wish)
	defer cancel()
	op.Budget = budget
	op.wished = deadline.Wished(bounded)
	log.InfoContext(ctx, "operation started", "budget_ms", budget.Milliseconds())
	if err == nil {
		stop := logWaiting(ctx, log, op.Record, traced)
		err = recoverPanics(context.WithValue(bounded, countsKey{}, &op.counts), work)
		stop()
		if err != nil && bounded.Err() != nil && fault.From(err).Kind == fault.Internal {
			err = context.Cause(bounded)
		}
	}
	op.Elapsed = time.Since(start)
	op.Fault = fault.From(err)
	op.finish(ctx, log)
	traced.Degraded(op.counts.degraded())
	traced.End(op.Elapsed, op.Fault)
	return op
}

// finish logs "operation finished": the outcome, the time of each step, and the metrics.
func (op *Operation) finish(ctx context.Context, log *slog.Logger) {
	level := slog.LevelInfo
	attrs := []any{
		"outcome", op.Outcome(),
		"elapsed_ms", op.Elapsed.Milliseconds(),
		"budget_ms", op.Budget.Milliseconds(),
		"goroutines", runtime.NumGoroutine(), // grows where goroutines leak
	}
	for _, t := range op.Record.Timings() {
		attrs = append(attrs, slog.Group("step_"+string(t.Step),
			"ms", t.Duration.Milliseconds(),
			"attempts", t.Attempts,
			"outcome", t.Outcome))
	}
	if f := op.counts.degraded(); f != nil && op.Fault == nil {
		level = slog.LevelWarn
		attrs = append(attrs,
			"degraded_kind", f.Kind.String(),
			"degraded_detail", f.Detail,
			"step", f.Step,
			"phase", f.Phase,
			"fault_attempts", f.Attempts)
	}
	if f := op.Fault; f != nil {
		attrs = append(attrs,
			"kind", f.Kind.String(),
			"detail", f.Detail,
			"step", f.Step,
			"phase", f.Phase,
			"fault_attempts", f.Attempts)
		if f.Kind.Status() >= 500 {
			level = slog.LevelError
			if f.Cause != nil {
				attrs = append(attrs, "cause", describe(f.Cause))
			}
		}
	}
	log.Log(ctx, level, "operation finished", append(attrs, op.metrics()...)...)
}

// Outcome tells how the operation ended.
func (op *Operation) Outcome() fault.Outcome {
	if op.Fault == nil {
		return fault.OK
	}
	return fault.OutcomeOf(op.Fault)
}

// logWaiting logs and traces where the operation waits, until stop is called.
func logWaiting(ctx context.Context, log *slog.Logger, r *evidence.Record, traced *trace.Trace) (stop func()) {
	quit := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for after := firstWait; ; after *= 2 {
			timer := time.NewTimer(after - r.Elapsed())
			select {
			case <-timer.C:
			case <-quit:
				timer.Stop()
				return
			}
			at := r.Position()
			log.WarnContext(ctx, "operation waiting", "step", at.Step, "phase", at.Phase, "attempt", at.Attempt,
				"phase_ms", at.Elapsed.Milliseconds(), "elapsed_ms", r.Elapsed().Milliseconds())
			traced.Waiting()
		}
	}()
	return func() { close(quit); <-done }
}

// ID is the id of the operation of ctx: the Lambda request id.
func ID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}
