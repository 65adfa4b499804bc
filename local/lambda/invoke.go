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

// The service's own reasons not to complete an invocation.
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
	TraceID   string // an X-Amzn-Trace-Id header; Invoke adds what it lacks of Root, Parent and Sampled
	RequestID string // empty: a new UUID
}

// Result describes an invocation. For one that failed in its function, Payload is empty.
type Result struct {
	Payload   []byte
	RequestID string
	TraceID   string        // the header as the function got it
	LogStream string        // the environment that served it
	Duration  time.Duration // from the invocation's start to the process's request for the next one
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

// newError returns an Error of the platform's own, with Lambda's payload for it.
func newError(requestID, kind, message string) *Error {
	payload, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message}) // two strings: cannot fail
	return &Error{Type: kind, Message: message, RequestID: requestID, Payload: payload}
}

// reportedError returns the Error that a process reported in body. header, Lambda's name for the kind of error,
// counts where the body names none.
func reportedError(requestID, header string, body []byte) *Error {
	var reported struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	err := json.Unmarshal(body, &reported)
	kind := reported.Type
	if kind == "" {
		kind = header
	}
	if kind == "" {
		kind = "Runtime.Unknown"
	}
	if err != nil {
		return newError(requestID, kind, string(body))
	}
	return &Error{Type: kind, Message: reported.Message, RequestID: requestID, Payload: body}
}

// job is an accepted invocation.
type job struct {
	requestID string
	traceID   string
	payload   []byte
	done      chan completion // has room for one, so that deliver never waits
	pipe      *responsePipe   // of a streamed response; else nil
}

// completion is the end of a job: what Invoke returns.
type completion struct {
	result Result
	err    error
}

// Invoke runs one invocation and returns its result. The error is an *Error when the function failed, wraps
// one of the Err values when the service refused or was closed, and is ctx's when ctx ended first. As in
// Lambda, a caller that leaves stops nothing: the invocation runs to its own end, and its environment is busy
// until then.
//
// While all environments are busy, at the function's Concurrency, a call waits for the function's Wait and then fails
// with ErrThrottled. Of several frozen environments, Invoke takes the one that was used last.
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

// submit makes a job of an invocation and dispatches it. pipe is nil unless the response is streamed. The job is never
// nil.
func (s *Service) submit(ctx context.Context, function string, in Invocation, pipe *responsePipe) (*job, error) {
	j, err := newJob(in)
	j.pipe = pipe
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
