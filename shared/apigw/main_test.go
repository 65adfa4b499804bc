package apigw_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.uber.org/goleak"

	"ragtime/shared/apigw"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit))
}

// post is a JSON request of an identified caller.
func post(body string) apigw.Event {
	e := apigw.Event{HTTPMethod: "POST", Resource: "/things", Body: body, Headers: map[string]string{"content-type": "application/json"}}
	e.RequestContext.Identity.AccountID = "000000000000"
	return e
}

// serve sends the event through a handler of one route, POST /things.
func serve(t *testing.T, ctx context.Context, e apigw.Event, route apigw.Route) apigw.Reply {
	t.Helper()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "op-1"})
	reply, err := apigw.Handler("test", nil, apigw.Routes{"POST /things": route})(ctx, e)
	if err != nil {
		t.Fatalf("got error %v, want every failure as an answer", err)
	}
	return reply
}

// ok is a route that only succeeds.
func ok(context.Context, *apigw.Request) (apigw.Response, error) {
	return apigw.Response{Status: 200, Body: map[string]int{"n": 1}}, nil
}

func problem(t *testing.T, r apigw.Reply) apigw.Problem {
	t.Helper()
	var p apigw.Problem
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
		t.Fatalf("%q is no problem document: %v", r.Body, err)
	}
	if got := r.Headers["Content-Type"]; got != "application/problem+json" {
		t.Errorf("got content type %q, want application/problem+json", got)
	}
	return p
}
