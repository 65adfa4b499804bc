// Package apigw serves operations to API Gateway, to function URLs, and to direct
// invocations. It turns an event into a typed request, a result into a response, and a
// fault into a problem document (RFC 9457). It decides whose documents a request may see.
package apigw

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/attempt"
	"ragtime/shared/config"
	"ragtime/shared/exact"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/trace"
)

type (
	// Func is a Lambda handler of any event. It returns a Reply to a gateway, a load
	// balancer and a warm-up, and a JSON object to every other event. Where the API
	// streams, it returns an io.ReadCloser to a gateway instead.
	Func = func(context.Context, json.RawMessage) (any, error)

	// Reply is the answer to a gateway. It has the fields that payload 1.0 and 2.0 share.
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

	// Response is the answer to a request that succeeded.
	Response struct {
		Status            int
		Body              any    // marshalled to JSON; nil for an empty body
		PreferenceApplied string // the header Preference-Applied, such as "handling=strict"; "" for none
	}

	// API is what one function serves.
	API struct {
		Name    string        // of its operations
		Tracer  *trace.Tracer // nil traces nothing
		Tenancy config.Tenancy
		Routes  Routes
		Direct  Direct

		// Streams says that the gateway takes answers to payload 1.0 piece by piece: the
		// response transfer mode of its integration is STREAM.
		Streams bool
	}
)

// Serve is the function's handler, a Func. Every event but a warm-up is one
// operation. Serve never returns an error: a failure is an answer too.
func (a API) Serve(ctx context.Context, event json.RawMessage) (any, error) {
	c, readErr := a.Direct.read(event)
	if c.kind == kindWarmUp && readErr == nil {
		slog.InfoContext(ctx, "warm", "operation", a.Name)
		headers := map[string]string{"Content-Type": "application/json"}
		return Reply{StatusCode: 200, Headers: headers, Body: `{"warm":true}`}, nil
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

// run runs the operation, and returns the reply to how it ended. The operation may
// answer through events instead; nil events means that it cannot.
func (a API) run(ctx context.Context, c call, readErr error, events *Events) (Reply, *operation.Operation) {
	var reply Reply
	wish, ignored := c.wish()
	preference := ""
	op := operation.Run(ctx, a.Tracer, a.Name, wish, func(ctx context.Context) error {
		if events != nil {
			events.setHeaders(ctx, wish, ignored)
		}
		out, err := a.answer(ctx, c, readErr, events)
		if err != nil {
			return err
		}
		reply = success(out) // here, so that a panic of marshal is the operation's fault
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
	if ignored != "" {
		reply.Headers["Ragtime-Preference-Ignored"] = ignored
	}
	return reply, op
}

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
	ctx = attempt.ForTenant(ctx, tenant)
	return route(ctx, &Request{Tenant: tenant, OperationID: operation.ID(ctx), call: c, events: events})
}

// tenant applies the tenancy rule. A refusal is logged, with the rule and the kinds of
// identity that the request had. Their values are not: the gateway's own log has them,
// under the request id.
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
		slog.WarnContext(ctx, "identity refused",
			"operation", a.Name,
			"operation_id", operation.ID(ctx),
			"reason", fault.From(err).Detail,
			"tenant_from", r.String(),
			"identities", c.identity.kinds(),
			"event", string(c.kind),
			"api_id", exact.Printable(c.apiID),
			"gateway_request_id", exact.Printable(c.requestID))
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

// marshal encodes one of our own types, and panics where that fails. It does not escape
// less-than signs: answers are never part of HTML, and an escape takes six bytes.
func marshal(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("apigw: %T is no JSON: %v", v, err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// maxAnswer is the most that a body may have in a function's answer, in bytes. Lambda
// takes 6 MiB; 128 KiB of it are for the headers and the reply's own JSON.
const maxAnswer = 6<<20 - 128<<10

// Fits tells whether a body is small enough for Lambda to return. The body is sent as
// a JSON string within JSON, where quotes, backslashes and line ends take two bytes and
// other control characters six.
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
