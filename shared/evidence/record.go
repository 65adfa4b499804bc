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
	attempts   []*Attempt
	backoff    time.Time // since when the step pauses between attempts; zero if it does not
}

// Attempt is one try of a step.
type Attempt struct {
	step       *Step
	number     int
	start, end time.Time
	phases     []phase
	connection string
	err        error
}

type phase struct {
	name  fault.Phase
	start time.Time
}

type (
	recordKey  struct{}
	stepKey    struct{}
	attemptKey struct{}
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
	s.end, s.err = time.Now(), err
}

// NewAttempt notes that the step of ctx begins its attempt of the given number
// (from 1). The caller ends it with End.
func NewAttempt(ctx context.Context, number int) (context.Context, *Attempt) {
	s, _ := ctx.Value(stepKey{}).(*Step)
	if s == nil {
		s = &Step{record: new(Record)}
	}
	a := &Attempt{step: s, number: number, start: time.Now()}
	s.record.mu.Lock()
	s.backoff = time.Time{}
	s.attempts = append(s.attempts, a)
	s.record.mu.Unlock()
	return context.WithValue(ctx, attemptKey{}, a), a
}

// Backoff notes that the step of ctx pauses until its next attempt.
func Backoff(ctx context.Context) {
	if s, _ := ctx.Value(stepKey{}).(*Step); s != nil {
		s.record.mu.Lock()
		s.backoff = time.Now()
		s.record.mu.Unlock()
	}
}

// StepName is the step that ctx is in; empty outside of one.
func StepName(ctx context.Context) fault.Step {
	if s, _ := ctx.Value(stepKey{}).(*Step); s != nil {
		return s.name
	}
	return ""
}

// Current is the attempt that ctx belongs to. Outside of one it is an attempt
// that nobody reads.
func Current(ctx context.Context) *Attempt {
	if a, _ := ctx.Value(attemptKey{}).(*Attempt); a != nil {
		return a
	}
	return &Attempt{step: &Step{record: new(Record)}}
}

// Phase notes that the attempt entered a phase. Phases go forward only: reports
// of a connection come from several goroutines, and a server may answer before
// it took the request. PhaseBlocked starts anew, as a call does that the HTTP
// client moves to another connection. An attempt that ended stays as it ended,
// which its left-over goroutines may not know.
func (a *Attempt) Phase(p fault.Phase) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	if !a.end.IsZero() {
		return
	}
	if n := len(a.phases); n > 0 && p != fault.PhaseBlocked && !a.phases[n-1].name.Before(p) {
		return
	}
	a.phases = append(a.phases, phase{p, time.Now()})
}

// Connection notes which connection the attempt rides.
func (a *Attempt) Connection(reused bool) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.connection = "new"
	if reused {
		a.connection = "reused"
	}
}

// End notes how the attempt ended, and tells of it.
func (a *Attempt) End(err error) fault.Attempt {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.end, a.err = time.Now(), err
	return a.summary(a.end)
}

func (a *Attempt) summary(now time.Time) fault.Attempt {
	end := a.end
	if end.IsZero() {
		end = now
	}
	out := fault.Attempt{Attempt: a.number, Connection: a.connection, ElapsedMS: end.Sub(a.start).Milliseconds()}
	if n := len(a.phases); n > 0 {
		out.Phase = a.phases[n-1].name
	}
	if a.err != nil {
		out.Error = fault.From(a.err).Detail
	}
	return out
}
