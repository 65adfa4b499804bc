// Package operation is the begin and the end of an operation: its budget, its
// record, and its log lines.
//
// Whatever happens to the work, panics included, Run logs one "operation
// started" and one "operation finished", and in between, while the work waits
// for long, "operation waiting" with the step and the phase. A process that
// Lambda kills has thus said where it was. Texts of documents and queries and
// keys are never logged.
package operation

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// Operation is one request's work in one function, as it ended.
type Operation struct {
	ID      string // the Lambda request id
	Name    string // embed, retrieve, ...
	TraceID string // X-Ray's, such as 1-5759e988-bd862e3fe1be46a994272793; empty without one
	Budget  time.Duration
	Elapsed time.Duration
	Record  *evidence.Record
	Fault   *fault.Error // nil if the work succeeded
}

// firstWait is when a waiting operation first says so; then at each doubling.
const firstWait = time.Second

// Run does the work of the named operation within its budget. The wish is the
// time that the caller is ready to wait, 0 for no wish. The work must return
// soon after its context is done.
func Run(ctx context.Context, name string, wish time.Duration, work func(context.Context) error) *Operation {
	start := time.Now()
	op := &Operation{ID: ID(ctx), Name: name, TraceID: traceID(ctx)}
	ctx, op.Record = evidence.With(ctx)
	log := slog.With("operation", name, "operation_id", op.ID, "trace_id", op.TraceID)
	bounded, cancel, budget, err := deadline.Begin(ctx, wish)
	defer cancel()
	op.Budget = budget
	log.InfoContext(ctx, "operation started", "budget_ms", budget.Milliseconds())
	if err == nil {
		stop := tellWaiting(ctx, log, op.Record)
		err = guard(bounded, work)
		stop()
		if err != nil && bounded.Err() != nil && fault.From(err).Kind == fault.Internal {
			err = context.Cause(bounded)
		}
	}
	op.Elapsed, op.Fault = time.Since(start), fault.From(err)
	op.finish(ctx, log)
	return op
}

// finish logs the line that counts: the outcome, and where the time went.
func (op *Operation) finish(ctx context.Context, log *slog.Logger) {
	level := slog.LevelInfo
	attrs := []any{"outcome", op.Outcome(), "elapsed_ms", op.Elapsed.Milliseconds(), "budget_ms", op.Budget.Milliseconds()}
	for _, t := range op.Record.Timings() {
		attrs = append(attrs, slog.Group("step_"+string(t.Step), "ms", t.Duration.Milliseconds(), "attempts", t.Attempts, "outcome", t.Outcome))
	}
	if f := op.Fault; f != nil {
		attrs = append(attrs, "kind", f.Kind.String(), "detail", f.Detail, "step", f.Step, "phase", f.Phase, "attempts", f.Attempts)
		if f.Kind.Status() >= 500 {
			level = slog.LevelError
			if f.Cause != nil {
				attrs = append(attrs, "cause", f.Cause.Error())
			}
		}
	}
	log.Log(ctx, level, "operation finished", attrs...)
}

// Outcome tells how the operation ended.
func (op *Operation) Outcome() fault.Outcome {
	if op.Fault == nil {
		return fault.OK
	}
	return fault.OutcomeOf(op.Fault)
}

// panicked is the private cause of the fault that a panic becomes.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// guard turns a panic of the work into a fault: the process goes on.
func guard(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &fault.Error{Kind: fault.Internal, Detail: "internal error", Cause: &panicked{v, debug.Stack()}}
		}
	}()
	return work(ctx)
}

// tellWaiting logs where the operation waits until stop is called.
func tellWaiting(ctx context.Context, log *slog.Logger, r *evidence.Record) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
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
		}
	}()
	return func() { close(quit); <-done }
}

// ID is the id of the operation that ctx belongs to: the Lambda request id.
func ID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}

// traceID finds the trace in what aws-lambda-go hands on: a header such as
// Root=1-...;Parent=...;Sampled=1.
func traceID(ctx context.Context) string {
	header, _ := ctx.Value("x-amzn-trace-id").(string)
	for part := range strings.SplitSeq(header, ";") {
		if root, ok := strings.CutPrefix(part, "Root="); ok {
			return root
		}
	}
	return ""
}
