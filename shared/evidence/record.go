// Package evidence keeps the record of one operation: its steps, each step's attempts, and
// the phase that each attempt is in or ended in.
//
// Response, log, metric and trace are views of this one record, so they name the same
// step and phase. The record is in the context. Enter records a step, NewAttempt an
// attempt, and the transport reports the attempt's phases. All functions are safe for
// concurrent use. In a context without a record they work, and nobody reads what they
// record.
package evidence

import (
	"context"
	"sync"
	"time"

	"ragtime/shared/fault"
)

// Record is what one operation did so far.
type Record struct {
	start time.Time

	mu    sync.Mutex // guards steps and everything below them
	steps []*Step
}

// Step is one step of an operation.
type Step struct {
	record     *Record
	name       fault.Step
	start, end time.Time
	err        error
	calls      int
	attempts   []*Attempt
	backoff    time.Time // start of the current pause between attempts; zero without one
	pauses     []Pause
}

type (
	recordKey struct{}
	stepKey   struct{}
)

// With starts a record, and returns it with a context that carries it.
func With(ctx context.Context) (context.Context, *Record) {
	r := &Record{start: time.Now()}
	return context.WithValue(ctx, recordKey{}, r), r
}

// Enter records that the operation enters a step. The caller must end it with End.
func Enter(ctx context.Context, name fault.Step) (context.Context, *Step) {
	r, _ := ctx.Value(recordKey{}).(*Record)
	if r == nil {
		r = new(Record)
	}
	s := &Step{record: r, name: name, start: time.Now()}
	r.mu.Lock()
	r.steps = append(r.steps, s)
	r.mu.Unlock()
	return context.WithValue(ctx, stepKey{}, s), s
}

// End records how the step ended.
func (s *Step) End(err error) {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	s.end = time.Now()
	s.err = err
	s.resume()
}

// Backoff records that the step of ctx pauses until its next attempt.
func Backoff(ctx context.Context) {
	if s, _ := ctx.Value(stepKey{}).(*Step); s != nil {
		s.record.mu.Lock()
		defer s.record.mu.Unlock()
		s.resume()
		s.backoff = time.Now()
	}
}

// resume ends the current pause, if there is one.
func (s *Step) resume() {
	if !s.backoff.IsZero() {
		s.pauses = append(s.pauses, Pause{s.backoff, time.Now()})
		s.backoff = time.Time{}
	}
}

// StepName is the step that ctx is in; empty outside of one.
func StepName(ctx context.Context) fault.Step {
	if s, _ := ctx.Value(stepKey{}).(*Step); s != nil {
		return s.name
	}
	return ""
}
