package lambda

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Lambda's limits, in bytes. A response may be 100 bytes larger than a request.
const (
	maxRequest  = 6 << 20
	maxResponse = 6<<20 + 100
)

// Why an invocation was refused, or given up, rather than failed by its function.
var (
	ErrNotFound  = errors.New("no such function")
	ErrThrottled = errors.New("rate exceeded: every environment that its Concurrency allows is busy")
	ErrTooLarge  = errors.New("request must be smaller than 6291456 bytes")
	ErrInvalid   = errors.New("payload is not JSON")
	ErrClosed    = errors.New("the service was closed")
)

// Invocation is what a function is invoked with.
type Invocation struct {
	Payload   []byte // JSON, at most 6 MB; empty means {}
	TraceID   string // an X-Amzn-Trace-Id header; what it lacks (Root, Parent, Sampled) is made up
	RequestID string // empty: a new UUID
}

// Result tells of an invocation, including one that failed in its function. Payload is then empty.
type Result struct {
	Payload   []byte
	RequestID string
	TraceID   string        // the header as the function got it
	LogStream string        // the environment that served it
	Duration  time.Duration // from the process taking the invocation to its asking for the next one
	Init      time.Duration // from process start to its first request for an invocation; 0 for a warm start
}

// Error is a function's failure, or the death of its process: what Lambda marks X-Amz-Function-Error.
//
// Types of Lambda's own are Runtime.ExitError, Runtime.InvalidEntrypoint, Sandbox.Timedout and
// Function.ResponseSizeTooLarge; others come from the function.
type Error struct {
	Type      string
	Message   string
	RequestID string
	Payload   []byte // Lambda's answer to the invoker: JSON with errorMessage, errorType and perhaps stackTrace
}

func (e *Error) Error() string {
	return fmt.Sprintf("function failed: %s: %s (request %s)", e.Type, e.Message, e.RequestID)
}

// newError returns an Error of the platform's, with the payload that Lambda would give it.
func newError(requestID, kind, message string) *Error {
	payload, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message}) // two strings: cannot fail
	return &Error{Type: kind, Message: message, RequestID: requestID, Payload: payload}
}

// reportedError returns the Error that a process described in body. The header, Lambda's name for the kind of
// error, counts where the body names none.
func reportedError(requestID, header string, body []byte) *Error {
	var posted struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	err := json.Unmarshal(body, &posted)
	kind := posted.Type
	if kind == "" {
		kind = header
	}
	if kind == "" {
		kind = "Runtime.Unknown"
	}
	if err != nil {
		return newError(requestID, kind, string(body))
	}
	return &Error{Type: kind, Message: posted.Message, RequestID: requestID, Payload: body}
}

// job is an accepted invocation.
type job struct {
	requestID string
	traceID   string
	payload   []byte
	done      chan completion // holds one, so that nobody need be waiting
	pipe      *responsePipe   // of a streamed response; else nil
}

type completion struct {
	result Result
	err    error
}

// Invoke runs one invocation and returns its result. The error is an *Error when the function failed, wraps
// one of the Err values when the service refused or was closed, and is ctx's when ctx ended first. As in
// Lambda, a caller that goes away stops nothing: the invocation runs to its own end, its environment busy
// until then.
//
// A call that finds all environments busy, at the function's Concurrency, fails with ErrThrottled after the function's Wait.
// Of the frozen environments the last used one is taken.
func (s *Service) Invoke(ctx context.Context, function string, in Invocation) (Result, error) {
	j, err := s.submit(ctx, function, in, nil)
	if err != nil {
		return Result{RequestID: j.requestID}, err
	}
	select {
	case end := <-j.done:
		if end.err != nil {
			return end.result, fmt.Errorf("lambda: invoke %s: %w", function, end.err)
		}
		return end.result, nil
	case <-ctx.Done():
		return Result{RequestID: j.requestID}, callerLeftError(ctx, function)
	}
}

// submit makes a job of an invocation and gives it to a process.
func (s *Service) submit(ctx context.Context, function string, in Invocation, f *responsePipe) (*job, error) {
	j, err := newJob(in)
	j.pipe = f
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil {
		err = s.dispatchOrWait(ctx, function, j)
	}
	if err != nil {
		return j, fmt.Errorf("lambda: invoke %s: %w", function, err)
	}
	return j, nil
}

func callerLeftError(ctx context.Context, function string) error {
	return fmt.Errorf("lambda: invoke %s: the caller left, the function runs on: %w", function, ctx.Err())
}

func newJob(in Invocation) (*job, error) {
	j := &job{
		requestID: in.RequestID,
		traceID:   traceHeader(in.TraceID),
		payload:   in.Payload,
		done:      make(chan completion, 1),
	}
	if j.requestID == "" {
		j.requestID = newUUID()
	}
	switch {
	case len(j.payload) > maxRequest:
		return j, fmt.Errorf("%w: it has %d", ErrTooLarge, len(j.payload))
	case len(j.payload) == 0:
		j.payload = []byte("{}")
	case !json.Valid(j.payload):
		return j, ErrInvalid
	}
	return j, nil
}

// newUUID returns a random UUID (RFC 9562, version 4), the form of Lambda's request ids.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
