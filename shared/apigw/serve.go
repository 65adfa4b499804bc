// Package apigw serves operations over API Gateway's REST proxy events: event
// to typed request, result to response, fault to problem document (RFC 9457).
package apigw

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/trace"
)

type (
	// Event and Reply are what Lambda hands in and takes back.
	Event = events.APIGatewayProxyRequest
	Reply = events.APIGatewayProxyResponse

	// Route answers one kind of request.
	Route func(context.Context, *Request) (Response, error)

	// Routes finds a Route by method and resource: "GET /documents/{document_id}".
	Routes map[string]Route

	// Response is an answer that is no fault. Body nil means an empty body.
	Response struct {
		Status int
		Body   any // marshalled to JSON
	}
)

// Handler makes a Lambda handler of routes, each request one operation of the
// given name, traced by the tracer (nil: by none). It never returns an error:
// every failure is an answer.
func Handler(name string, tracer *trace.Tracer, routes Routes) func(context.Context, Event) (Reply, error) {
	return func(ctx context.Context, e Event) (Reply, error) {
		wish := wait(e)
		var reply Reply
		op := operation.Run(ctx, tracer, name, wish, func(ctx context.Context) error {
			route, ok := routes[e.HTTPMethod+" "+e.Resource]
			if !ok {
				return fault.New(fault.NotFound, "no route for %s %s", e.HTTPMethod, e.Resource)
			}
			tenant, err := tenant(e)
			if err != nil {
				return err
			}
			out, err := route(ctx, &Request{Tenant: tenant, OperationID: operation.ID(ctx), event: e})
			if err != nil {
				return err
			}
			reply = success(out) // in here: a value that is no JSON is the operation's fault
			return nil
		})
		if op.Fault != nil {
			reply = problem(op)
		}
		reply.Headers["Ragtime-Operation-Id"] = op.ID
		reply.Headers["Server-Timing"] = timing(op)
		reply.Headers["Cache-Control"] = "no-store"
		if wish > 0 && op.Budget == wish {
			reply.Headers["Preference-Applied"] = "wait=" + strconv.Itoa(int(wish/time.Second))
		}
		return reply, nil
	}
}

func success(r Response) Reply {
	reply := Reply{StatusCode: r.Status, Headers: map[string]string{}}
	if r.Body != nil {
		reply.Headers["Content-Type"] = "application/json"
		reply.Body = marshal(r.Body)
	}
	return reply
}

// marshal encodes our own response types, which cannot fail.
func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("apigw: %T is no JSON: %v", v, err))
	}
	return string(b)
}

// timing is the Server-Timing header: a metric a step, in milliseconds.
func timing(op *operation.Operation) string {
	var metrics []string
	for _, t := range op.Record.Timings() {
		metrics = append(metrics, fmt.Sprintf("%s;dur=%.1f", t.Step, float64(t.Duration.Microseconds())/1000))
	}
	return strings.Join(append(metrics, fmt.Sprintf("total;dur=%.1f", float64(op.Elapsed.Microseconds())/1000)), ", ")
}

// wait is the client's wish: "Prefer: wait=10" (RFC 7240), in seconds. What is
// no positive number is no wish; a preference is never an error.
func wait(e Event) time.Duration {
	for _, v := range headers(e, "Prefer") {
		for p := range strings.SplitSeq(v, ",") {
			p, _, _ = strings.Cut(p, ";") // what follows are parameters of the preference
			name, value, _ := strings.Cut(p, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			if s, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`)); err == nil && s > 0 && s <= 3600 {
				return time.Duration(s) * time.Second
			}
			return 0
		}
	}
	return 0
}
