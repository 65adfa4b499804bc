package apigw

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"ragtime/shared/deadline"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
)

// EventStream is the media type of server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
const EventStream = "text/event-stream"

// keepAlive is the longest silence on an event stream.
const keepAlive = 10 * time.Second

// Events is an answer that is given event by event. Safe for concurrent use.
type Events struct {
	stream  *stream
	headers map[string]string

	mu    sync.Mutex
	timer *time.Timer // sends the next keep-alive; nil until the first event
}

// Send sends the client an event, without waiting for the client to read it. The first
// event begins the answer with status 200, so a later failure is told by an event
// "error" instead of a status. Where the client has left, the error is a fault of kind
// Canceled.
func (e *Events) Send(name string, data any) error {
	return e.send(frame(name, marshal(data)))
}

// frame is an event as it is sent. The data must be on one line.
func frame(name, data string) string { return "event: " + name + "\ndata: " + data + "\n\n" }

func (e *Events) send(text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer == nil {
		e.stream.writePrelude(200, e.headers)
		e.timer = time.AfterFunc(keepAlive, func() { e.send(": still here\n\n") })
	}
	e.timer.Reset(keepAlive)
	return e.stream.write(text)
}

func (e *Events) stopKeepAlives() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
	}
}

// started tells whether an event was sent.
func (e *Events) started() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.timer != nil
}

// errClientLeft is the cause with which the work is cancelled when its client leaves.
var errClientLeft = fault.New(fault.Canceled, "the client left")

// stream is the answer to a gateway whose integration has the response transfer mode
// STREAM: a JSON object of status and headers, eight zero bytes, and the body.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
//
// What is written stays in memory until it is read, so that a slow reader does not slow
// down the work; an answer has a few megabytes at the most. One goroutine reads, any may
// write.
type stream struct {
	cancelWork context.CancelCauseFunc
	workDone   chan struct{} // closed when the work has ended

	mu     sync.Mutex
	wake   chan struct{} // wakes Read; of capacity one
	unread []byte
	end    error // what Read returns after the last byte; nil while there may be more
	closed bool  // the reader has left
}

func newStream(cancelWork context.CancelCauseFunc) *stream {
	return &stream{cancelWork: cancelWork, workDone: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// writePrelude writes status and headers.
func (s *stream) writePrelude(status int, headers map[string]string) {
	prelude := marshal(struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
	}{status, headers})
	s.write(prelude + strings.Repeat("\x00", 8))
}

func (s *stream) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClientLeft
	}
	if s.end == nil {
		s.unread = append(s.unread, text...)
		s.signal()
	}
	return nil
}

// finish ends the stream. err is io.EOF, or says why the answer is not whole.
func (s *stream) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.end = err
	}
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Read implements io.Reader, for the Lambda runtime.
func (s *stream) Read(p []byte) (int, error) {
	for {
		s.mu.Lock()
		n := copy(p, s.unread)
		s.unread = s.unread[n:]
		end := s.end
		s.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if end != nil {
			return 0, end
		}
		<-s.wake
	}
}

// Close implements io.Closer, for the Lambda runtime: it calls Close at the end, or early
// when the client has left. Then Close cancels the work and waits a moment for it to end,
// since the process may be frozen afterwards, with the call of the model still open.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	early := s.end == nil
	s.mu.Unlock()
	s.cancelWork(errClientLeft)
	s.finish(io.ErrClosedPipe)
	if early {
		select {
		case <-s.workDone:
		case <-time.After(maxCloseWait):
		}
	}
	return nil
}

// maxCloseWait is how long Close waits for the work at the most.
const maxCloseWait = time.Second

// ContentType tells the Lambda runtime that the answer has a prelude.
func (s *stream) ContentType() string { return "application/vnd.awslambda.http-integration-response" }

// MarshalJSON fails, since aws-lambda-go streams only a reader that cannot be marshalled.
func (s *stream) MarshalJSON() ([]byte, error) { return nil, errors.New("apigw: a stream is no JSON") }

var _ json.Marshaler = (*stream)(nil)

// endMargin is how long before Lambda's timeout a stream is ended that is not whole: the
// reader would not learn it from a killed process.
const endMargin = 300 * time.Millisecond

// stream starts the work, and returns the answer while the work goes on.
func (a API) stream(ctx context.Context, c call, readErr error) *stream {
	workCtx, cancel := context.WithCancelCause(ctx)
	s := newStream(cancel)
	events := &Events{stream: s}
	go func() {
		defer close(s.workDone)
		defer cancel(nil)
		if end, ok := ctx.Deadline(); ok {
			defer time.AfterFunc(time.Until(end)-endMargin, func() { s.finish(io.ErrUnexpectedEOF) }).Stop()
		}
		reply, op := a.run(workCtx, c, readErr, events)
		events.stopKeepAlives()
		switch {
		case !events.started():
			s.writePrelude(reply.StatusCode, reply.Headers)
			s.write(reply.Body)
		case op.Fault != nil:
			s.write(frame("error", reply.Body))
		}
		s.finish(io.EOF)
	}()
	return s
}

// setHeaders sets the headers of the answer, as far as they are known while the
// operation of ctx goes on.
func (e *Events) setHeaders(ctx context.Context, wish time.Duration, ignored string) {
	e.headers = map[string]string{
		"Content-Type":         EventStream,
		"Cache-Control":        "no-store",
		"Ragtime-Operation-Id": operation.ID(ctx),
	}
	if deadline.Wished(ctx) {
		e.headers["Preference-Applied"] = waitApplied(wish)
	}
	if ignored != "" {
		e.headers["Ragtime-Preference-Ignored"] = ignored
	}
}
