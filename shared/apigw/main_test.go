package apigw_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit))
}

// post is a JSON request of an identified caller.
func post(body string) apigwtest.Event {
	e := apigwtest.Event{HTTPMethod: "POST", Resource: "/things", Body: body, Headers: map[string]string{"content-type": "application/json"}}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	return e
}

// api has one route, POST /things.
func api(route apigw.Route) apigw.API {
	return apigw.API{Name: "test", Routes: apigw.Routes{"POST /things": route}, Direct: apigw.Direct{Route: "POST /things", Fields: []string{"name"}}}
}

// serve sends the event to a handler of one route, POST /things.
func serve(t *testing.T, ctx context.Context, e any, route apigw.Route) apigw.Reply {
	t.Helper()
	return apigwtest.Send(t, ctx, api(route).Serve, e)
}

// succeed is a route that only succeeds.
func succeed(context.Context, *apigw.Request) (apigw.Response, error) {
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
