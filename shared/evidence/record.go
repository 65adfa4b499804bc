// Package evidence keeps the record of one operation: which steps it took,
// which attempts each step made, in which phase each attempt is or ended.
//
// Response, log, metric and trace are views of this one record, which is why
// they name the same step and phase. The record travels in the context: a step
// is entered with Enter, its attempts with NewAttempt, and the transport moves
// the attempt from phase to phase. Everything is safe for concurrent use, and
// works (recording nothing anyone sees) in a context without a record.
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
	backoff    time.Time // since when the step pauses between attempts; zero if it does not
	pauses     []Pause
}

type (
	recordKey struct{}
	stepKey   struct{}
)

// With starts a record and returns a context that carries it.
func With(ctx context.Context) (context.Context, *Record) {
	r := &Record{start: time.Now()}
	return context.WithValue(ctx, recordKey{}, r), r
}

// Enter notes that the operation entered a step. The caller ends it with End.
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

// End notes how the step ended.
func (s *Step) End(err error) {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	s.end = time.Now()
	s.err = err
	s.resume()
}

// Backoff notes that the step of ctx pauses until its next attempt.
func Backoff(ctx context.Context) {
	if s, _ := ctx.Value(stepKey{}).(*Step); s != nil {
		s.record.mu.Lock()
		defer s.record.mu.Unlock()
		s.resume()
		s.backoff = time.Now()
	}
}

// resume ends a pause, if the step is in one.
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
