// Package apigw serves operations to API Gateway, function URLs, and whoever
// invokes a function directly: event to typed request, result to response, fault
// to problem document (RFC 9457). It decides whose documents a request may see.
package apigw

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/config"
	"ragtime/shared/exact"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/trace"
)

type (
	// Func is a Lambda handler of any event. Its answer is a Reply to what a gateway
	// or a load balancer sent, and to a warm-up; a JSON object to everything else.
	// Where the API streams, a gateway gets an io.ReadCloser instead.
	Func = func(context.Context, json.RawMessage) (any, error)

	// Reply answers a gateway. It has what payload 1.0 and payload 2.0 share.
	Reply struct {
		StatusCode      int               `json:"statusCode"`
		Headers         map[string]string `json:"headers"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"` // never
	}

	// Route answers one kind of request.
	Route func(context.Context, *Request) (Response, error)

	// Routes finds a Route by method and resource: "GET /documents/{document_id}".
	Routes map[string]Route

	// Response is an answer that is no fault. Body nil means an empty body.
	Response struct {
		Status            int
		Body              any    // marshalled to JSON
		PreferenceApplied string // a preference of the request that was heeded, such as "handling=strict"
	}

	// API is what one function serves. Name names its operations. A nil Tracer traces none.
	// Streams says that the gateway in front takes answers to payload 1.0 piece by piece:
	// the response transfer mode of its integration is STREAM.
	API struct {
		Name    string
		Tracer  *trace.Tracer
		Tenancy config.Tenancy
		Routes  Routes
		Direct  Direct
		Streams bool
	}
)

// Serve is the function's handler, a Func. Every event but a warm-up is one
// operation. It never returns an error: every failure is an answer.
func (a API) Serve(ctx context.Context, event json.RawMessage) (any, error) {
	c, readErr := a.Direct.read(event)
	if c.kind == kindWarmUp && readErr == nil {
		slog.InfoContext(ctx, "warm", "operation", a.Name)
		return Reply{StatusCode: 200, Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"warm":true}`}, nil
	}
	if a.Streams && c.kind == kindREST {
		return a.stream(ctx, c, readErr), nil
	}
	reply, _ := a.run(ctx, c, readErr, nil)
	if !c.proxied {
		if reply.Body == "" {
			reply.Body = "{}"
		}
		return json.RawMessage(reply.Body), nil
	}
	return reply, nil
}

// run runs the operation, and makes the whole answer of how it ended. events is
// where it may answer event by event, nil where it cannot.
func (a API) run(ctx context.Context, c call, readErr error, events *Events) (Reply, *operation.Operation) {
	var reply Reply
	wish := c.wish()
	preference := ""
	op := operation.Run(ctx, a.Tracer, a.Name, wish, func(ctx context.Context) error {
		if events != nil {
			events.setHeaders(ctx, wish)
		}
		out, err := a.answer(ctx, c, readErr, events)
		if err != nil {
			return err
		}
		reply = success(out) // in here: a value that is no JSON is the operation's fault
		preference = out.PreferenceApplied
		return nil
	})
	if op.Fault != nil {
		reply = problem(op, rule{a.Tenancy}.challenge())
	}
	reply.Headers["Ragtime-Operation-Id"] = op.ID
	reply.Headers["Server-Timing"] = serverTiming(op)
	reply.Headers["Cache-Control"] = "no-store"
	if wish > 0 && op.Budget == wish {
		preference = strings.TrimPrefix(preference+", "+waitApplied(wish), ", ")
	}
	if preference != "" {
		reply.Headers["Preference-Applied"] = preference
	}
	return reply, op
}

// waitApplied says that a wish was heeded.
func waitApplied(wish time.Duration) string { return "wait=" + strconv.Itoa(int(wish/time.Second)) }

func (a API) answer(ctx context.Context, c call, readErr error, events *Events) (Response, error) {
	switch {
	case c.kind == kindForeign:
		return Response{}, a.Direct.unexpectedEvent(c.description)
	case readErr != nil:
		return Response{}, readErr
	}
	route, err := a.Routes.find(&c)
	if err != nil {
		return Response{}, err
	}
	tenant, err := a.tenant(ctx, c)
	if err != nil {
		return Response{}, err
	}
	return route(ctx, &Request{Tenant: tenant, OperationID: operation.ID(ctx), call: c, events: events})
}

// tenant applies the rule. The log tells of every refusal which identities were
// there and which one the rule wants, but none of their values: who it was is in the
// gateway's own log, under the request's id there.
func (a API) tenant(ctx context.Context, c call) (tenant string, err error) {
	r := rule{a.Tenancy}
	if c.kind == kindDirect {
		var arn string
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			arn = lc.InvokedFunctionArn
		}
		tenant, err = r.directTenant(arn)
	} else {
		tenant, err = r.tenant(c)
	}
	if err != nil {
		slog.WarnContext(ctx, "identity refused", "operation", a.Name, "operation_id", operation.ID(ctx), "reason", fault.From(err).Detail,
			"tenant_from", r.String(), "identities", c.identity.kinds(), "event", string(c.kind), "api_id", exact.Printable(c.apiID), "gateway_request_id", exact.Printable(c.requestID))
	}
	return tenant, err
}

func success(r Response) Reply {
	reply := Reply{StatusCode: r.Status, Headers: map[string]string{}}
	if r.Body != nil {
		reply.Headers["Content-Type"] = "application/json"
		reply.Body = marshal(r.Body)
	}
	return reply
}

// marshal encodes our own response types, which cannot fail. Less-than signs stay
// what they are: no answer of ours is put into HTML, and escaped they take six bytes.
func marshal(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("apigw: %T is no JSON: %v", v, err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// maxAnswer is what a function may return, in bytes: Lambda takes 6 MiB, of
// which headers and the reply's own JSON get plenty.
const maxAnswer = 6<<20 - 128<<10

// Fits tells whether a response's body is within what Lambda lets a function
// return. The body travels as a JSON string within JSON, where quotes, backslashes
// and line ends take two bytes and other control characters six.
func Fits(body any) bool {
	size := 0
	for _, c := range []byte(marshal(body)) {
		switch {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			size += 2
		case c < ' ':
			size += 6
		default:
			size++
		}
	}
	return size <= maxAnswer
}

// serverTiming is the Server-Timing header: a metric a step, in milliseconds.
func serverTiming(op *operation.Operation) string {
	var metrics []string
	for _, t := range op.Record.Timings() {
		metrics = append(metrics, fmt.Sprintf("%s;dur=%.1f", t.Step, float64(t.Duration.Microseconds())/1000))
	}
	return strings.Join(append(metrics, fmt.Sprintf("total;dur=%.1f", float64(op.Elapsed.Microseconds())/1000)), ", ")
}

// wish is the time that the client is ready to wait: "Prefer: wait=10" (RFC 7240),
// in seconds. What is no positive number is no wish; a preference is never an error.
func (c call) wish() time.Duration {
	if s, err := strconv.Atoi(c.preference("wait")); err == nil && s > 0 && s <= 3600 {
		return time.Duration(s) * time.Second
	}
	return 0
}

// preference is the value of the first preference of a name; empty where there is none.
func (c call) preference(wanted string) string {
	for _, v := range c.headers["prefer"] {
		for p := range strings.SplitSeq(v, ",") {
			p, _, _ = strings.Cut(p, ";") // what follows are parameters of the preference
			name, value, _ := strings.Cut(p, "=")
			if strings.EqualFold(strings.TrimSpace(name), wanted) {
				return strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return ""
}
