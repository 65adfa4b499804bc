// Package gateway is API Gateway on a developer's machine: a REST API (v1) with
// Lambda proxy integrations, its routes, functions and table read from the SAM
// template, which stays the one place that defines them.
//
// It keeps to what clients and functions can see of the real service: the event,
// the limits, the error bodies and headers. What it leaves out: gateway throttling,
// usage plans, caching, request validation, WAF, CORS, HTTPS.
package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	maxBody  = 10 << 20 // bytes that API Gateway takes
	maxEvent = 6 << 20  // bytes of a synchronous Lambda invocation
)

// ErrThrottled is what an Invoker wraps when Lambda has no room to start the
// function (429 TooManyRequestsException).
var ErrThrottled = errors.New("function throttled")

var errClosed = errors.New("gateway closed")

// Invoker runs Lambda functions, synchronously.
//
// Invoke runs the function called name (a [Function.Name]) with an event and the
// value of its X-Amzn-Trace-Id header, and returns its answer. It may be called
// concurrently. The gateway answers 500 to an error that is [ErrThrottled], and
// 502 to every other one: the function failed, was killed at its timeout, or
// could not be started.
//
// ctx is neither the client's nor the integration's: an invocation goes on when
// the client hangs up or the gateway has answered 504, as in Lambda, where the
// function's own timeout ends it. ctx ends when the gateway is closed.
type Invoker interface {
	Invoke(ctx context.Context, name string, payload []byte, traceID string) ([]byte, error)
}

// Options tune a gateway; the zero value is that of the real one.
type Options struct {
	IntegrationTimeout time.Duration // each route's own when 0
	IdleTimeout        time.Duration // of a stream without a byte; 5 minutes when 0
	Log                *slog.Logger  // why requests failed; none when nil
}

// Gateway serves the API of a template. It is safe for concurrent use.
type Gateway struct {
	template    *Template
	router      *router
	invoker     Invoker
	timeout     time.Duration // 0: the route's
	idleTimeout time.Duration
	log         *slog.Logger

	ctx     context.Context // of all invocations
	cancel  context.CancelCauseFunc
	mu      sync.Mutex // guards running.Add against Close
	running sync.WaitGroup
}

var _ http.Handler = (*Gateway)(nil)

// New returns a gateway for a template that [Load] returned. Close it.
func New(t *Template, invoker Invoker, opt Options) *Gateway {
	g := &Gateway{
		template:    t,
		router:      newRouter(t),
		invoker:     invoker,
		timeout:     opt.IntegrationTimeout,
		idleTimeout: opt.IdleTimeout,
		log:         opt.Log,
	}
	if g.idleTimeout == 0 {
		g.idleTimeout = defaultIdleTimeout
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.ctx, g.cancel = context.WithCancelCause(context.Background())
	return g
}

// Close ends the context of the invocations that still run and waits until
// they have returned. Requests that come later get 500.
func (g *Gateway) Close() {
	g.mu.Lock()
	g.cancel(errClosed)
	g.mu.Unlock()
	g.running.Wait()
}

// ServeHTTP answers one request of a client.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > maxBody {
		contentTooLong.write(w)
		return
	}
	meta := newMeta(time.Now(), r.Header.Get("X-Amzn-Trace-Id"))
	// Set would change the case of these names. API Gateway sends them like this.
	w.Header()["x-amzn-RequestId"] = []string{meta.requestID}
	w.Header()["x-amz-apigw-id"] = []string{meta.extendedID}

	m, from, refusal := g.router.admit(r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			clear(w.Header())
			contentTooLong.write(w)
		}
		return // the client is gone
	}
	w.Header().Set("X-Amzn-Trace-Id", meta.traceID)
	log := g.log.With("request_id", meta.requestID, "trace_id", meta.traceID)
	in, failed := g.prepare(log, r, body, m, from, meta)
	switch {
	case failed != nil:
		failed.write(w)
	case in.route.Streams:
		g.stream(log, w, r, in)
	default:
		reply, failed := g.integrate(log, r, in)
		switch {
		case failed != nil:
			failed.write(w)
		case reply != nil:
			reply.write(w)
		}
	}
}

// invocation is one call of a route's function.
type invocation struct {
	route    Route
	function string // a Function.Name
	payload  []byte // the event
	traceID  string // the X-Amzn-Trace-Id header
}

// prepare makes the invocation for a request.
func (g *Gateway) prepare(log *slog.Logger, r *http.Request, body []byte, m match, from caller, meta meta) (invocation, *failure) {
	function, ok := g.template.Function(m.route.Function)
	if !ok {
		log.Error("integration failed", "error", "no such function", "function", m.route.Function)
		return invocation{}, badGateway
	}
	payload, err := newEvent(g.template.API, r, body, m, from, meta).encode()
	if err != nil {
		log.Error("integration failed", "error", err)
		return invocation{}, badGateway
	}
	if len(payload) > maxEvent {
		return invocation{}, requestTooLong
	}
	return invocation{
		route:    m.route,
		function: function.Name,
		payload:  payload,
		traceID:  meta.traceID,
	}, nil
}

// integrate invokes the function and waits for its answer, for the integration
// timeout at most. It returns a reply or a failure, and neither when the client
// is gone.
func (g *Gateway) integrate(log *slog.Logger, r *http.Request, in invocation) (*reply, *failure) {
	log = log.With("function", in.function)
	// The timeout begins here, since the real one counts the integration only.
	timeout := g.timeoutOf(in.route)
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	select {
	case answer := <-g.invoke(in):
		if answer.err != nil {
			log.Error("integration failed", "error", answer.err)
			if errors.Is(answer.err, ErrThrottled) || errors.Is(answer.err, errClosed) {
				return nil, throttled
			}
			return nil, badGateway
		}
		reply, err := parseReply(answer.payload, g.wantsBinary(r))
		if err != nil {
			log.Error("integration failed", "error", err)
			return nil, badGateway
		}
		return reply, nil
	case <-ctx.Done():
		if r.Context().Err() != nil {
			log.Warn("client hung up; the function runs on")
			return nil, nil
		}
		log.Error("integration timed out; the function runs on", "timeout_ms", timeout.Milliseconds())
		return nil, integrationTimeout
	}
}

func (g *Gateway) timeoutOf(route Route) time.Duration {
	if g.timeout > 0 {
		return g.timeout
	}
	return route.Timeout
}

type answer struct {
	payload []byte
	err     error
}

// invoke starts an invocation. The channel has room for its answer, so that the
// invocation can end when nobody waits for it any more.
func (g *Gateway) invoke(in invocation) <-chan answer {
	done := make(chan answer, 1)
	if !g.enter() {
		done <- answer{err: errClosed}
		return done
	}
	go func() {
		defer g.running.Done()
		payload, err := g.invoker.Invoke(g.ctx, in.function, in.payload, in.traceID)
		done <- answer{payload, err}
	}()
	return done
}

// enter counts one more running invocation, until g.running.Done. It reports false when the gateway is closed.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return false
	}
	g.running.Add(1)
	return true
}

// wantsBinary reports whether to decode a base64 answer. API Gateway does so only
// for a client whose first Accept type is one of the API's binary media types.
// Any other client gets the base64 text, so a forgotten BinaryMediaTypes shows here, too.
func (g *Gateway) wantsBinary(r *http.Request) bool {
	first, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
	return g.template.API.binary(first)
}
