// Package fault is the one error type of Ragtime.
//
// A fault says what a caller may know (kind, detail, field, step, phase,
// attempts) and keeps what only a log may know (the cause). Every error that
// leaves a function passes through From; the status of an HTTP answer comes
// from the one table behind Kind.
//
// The package also holds the words that errors, logs, traces and metrics
// share: steps, phases, outcomes.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Error is a failed operation. It is immutable once returned.
type Error struct {
	Kind       Kind
	Detail     string        // safe to show to the caller; never content of a document, a query or a key
	Field      string        // the request's field at fault, such as "filter.collection"; Invalid only
	Step       Step          // where it happened, if in a step
	Phase      Phase         // where the attempt to blame was
	Attempts   []Attempt     // of all calls of the step, oldest first
	RetryAfter time.Duration // when the remote service asked to wait; 0 if it did not
	Cause      error         // private: for logs only
}

// Error gives the whole story, the private cause included: for logs.
func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Field != "" {
		s += " (field " + e.Field + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// New makes a fault of a kind with a detail that the caller may see.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// InvalidField makes an Invalid fault that names the field at fault.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Detail: field + " " + fmt.Sprintf(format, args...)}
}

// From finds the fault in err's chain; nil gives nil. An error without one is
// Timeout if it is a context's deadline, Canceled if a context was cancelled,
// else Internal, with err as its private cause.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Timeout, Detail: "the deadline passed", Cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Canceled, Detail: "the request was abandoned", Cause: err}
	}
	return &Error{Kind: Internal, Detail: "internal error", Cause: err}
}

// OutcomeOf tells how something that returned err ended.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OK
	case From(err).Kind == Timeout:
		return TimedOut
	}
	return Failed
}
