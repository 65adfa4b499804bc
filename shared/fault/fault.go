// Package fault is the one error type of Ragtime.
//
// A fault has what a caller may know (kind, detail, field, step, phase, attempts), and its
// cause, which only a log may know. Every error that leaves a function passes through
// From. The table of kinds has each kind's HTTP status.
//
// The package also has the names that errors, logs, traces and metrics share: steps,
// phases and outcomes.
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
	Step       Step          // in which it happened; empty outside of a step
	Phase      Phase         // of the attempt to blame
	Attempts   []Attempt     // of all calls of the step, oldest first
	RetryAfter time.Duration // how long the remote service asks to wait; 0 if it does not ask
	Cause      error         // for logs only
}

// Error is for logs: it includes the private cause.
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

// New makes a fault. The caller may see its detail.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// InvalidField makes an Invalid fault. Its detail begins with the field's name.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Detail: field + " " + fmt.Sprintf(format, args...)}
}

// From returns the fault in err's chain, and nil for nil. For an error without one it makes
// a fault with err as its private cause: a Timeout if a context's deadline passed,
// Canceled if a context was cancelled, otherwise Internal.
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

// OutcomeOf is the outcome of what returned err.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OK
	case From(err).Kind == Timeout:
		return TimedOut
	}
	return Failed
}
