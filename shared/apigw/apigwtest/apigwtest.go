// Package apigwtest sends events to a function's handler as Lambda does: valid events,
// forged ones, and random ones.
package apigwtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/apigw"
)

// Event is an event of a REST API.
type Event = events.APIGatewayProxyRequest

// Account is the AWS account of the function, and of callers in events that are not forged.
const Account = "123456789012"

// OperationID is the request id that Lambda gives every event sent here.
const OperationID = "op-1"

// Invoke calls the handler with an event, and returns the answer in JSON as Lambda passes it
// on. A streamed answer is returned in the JSON of one that is not.
func Invoke(t testing.TB, ctx context.Context, h apigw.Func, event []byte) []byte {
	t.Helper()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID:       OperationID,
		InvokedFunctionArn: "arn:aws:lambda:eu-west-1:" + Account + ":function:ragtime",
	})
	out, err := h(ctx, event)
	if err != nil {
		t.Fatalf("got error %v, want every failure as an answer", err)
	}
	if stream, ok := out.(io.ReadCloser); ok {
		out = collect(t, stream)
	}
	answer, err := json.Marshal(out)
	if err != nil {
		t.Fatalf("the answer is no JSON: %v", err)
	}
	return answer
}

// collect reads a streamed answer to its end.
func collect(t testing.TB, stream io.ReadCloser) apigw.Reply {
	t.Helper()
	defer stream.Close()
	all, err := io.ReadAll(stream)
	prelude, body, ok := bytes.Cut(all, make([]byte, 8))
	var reply apigw.Reply
	if broken := json.Unmarshal(prelude, &reply); err != nil || broken != nil || !ok {
		t.Fatalf("got stream %q (%v), want status and headers before eight zero bytes", all, err)
	}
	reply.Body = string(body)
	return reply
}

// WantProblem checks that the reply is a problem document with the status and the field. It
// must not have content of the request, which content is a mark of.
func WantProblem(t testing.TB, r apigw.Reply, status int, field, content string) {
	t.Helper()
	var p apigw.Problem
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
		t.Fatalf("got %d %q, want a problem", r.StatusCode, r.Body)
	}
	if r.StatusCode != status || p.Field != field {
		t.Errorf("got %d, field %q (%s); want %d, field %q", r.StatusCode, p.Field, p.Detail, status, field)
	}
	if !strings.HasPrefix(p.Detail, field) || strings.Contains(r.Body, content) {
		t.Errorf("got detail %q, want one that begins with the field and has no content", p.Detail)
	}
}

// Send invokes the handler with an event of a gateway. The event may be anything that
// marshals to one.
func Send(t testing.TB, ctx context.Context, h apigw.Func, event any) apigw.Reply {
	t.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var reply apigw.Reply
	answer := Invoke(t, ctx, h, raw)
	if err := json.Unmarshal(answer, &reply); err != nil || reply.StatusCode == 0 {
		t.Fatalf("got answer %s, want one for a gateway", answer)
	}
	return reply
}
