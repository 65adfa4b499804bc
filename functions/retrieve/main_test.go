package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/config"
	"ragtime/shared/rag"
)

// logged is everything that the tests' operations logged. Tests do not run in parallel.
var logged bytes.Buffer

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(&logged, nil)))
	goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit))
}

// search is one call of the store's Search.
type search struct {
	Tenant string
	K      int
	Filter rag.Filter
}

// fakes is an embedder and a store that record their calls.
type fakes struct {
	err       error // what every call returns
	passages  []rag.Passage
	documents []rag.Document
	next      string

	searches []search
	calls    []string
}

func (f *fakes) Model() string { return "fake/3" }

func (f *fakes) Embed(_ context.Context, texts []string) ([][]float32, int, error) {
	f.calls = append(f.calls, "embed")
	if f.err != nil {
		return nil, 0, f.err
	}
	return [][]float32{{1, 0, 0}}, 7, nil
}

func (f *fakes) Search(_ context.Context, tenant string, _ []float32, k, _ int, filter rag.Filter) (rag.Found, error) {
	f.calls = append(f.calls, "search")
	f.searches = append(f.searches, search{tenant, k, filter})
	return rag.Found{Passages: f.passages}, f.err
}

func (f *fakes) Get(_ context.Context, tenant, id string) (rag.Document, error) {
	f.calls = append(f.calls, "get "+tenant+" "+id)
	if f.err != nil {
		return rag.Document{}, f.err
	}
	return f.documents[0], nil
}

func (f *fakes) List(_ context.Context, tenant string, limit int, cursor string) ([]rag.Document, string, error) {
	f.calls = append(f.calls, "list "+tenant+" "+cursor)
	return f.documents[:min(limit, len(f.documents))], f.next, f.err
}

func (f *fakes) Chunks(_ context.Context, tenant, id string, limit int, cursor string) ([]rag.Chunk, string, error) {
	f.calls = append(f.calls, "chunks "+tenant+" "+id+" "+cursor)
	return []rag.Chunk{{N: 0, Text: "text", Tokens: 1}}, f.next, f.err
}

// marker is in the content of every body: where it turns up, content has leaked.
const marker = "xyzzymarker"

// request is an event as API Gateway sends it, signed by apigwtest.Account.
func request(method, resource, body string) apigwtest.Event {
	e := apigwtest.Event{HTTPMethod: method, Resource: resource, Body: body, Headers: map[string]string{"Content-Type": "application/json"}}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	return e
}

// send handles the event, and checks that the log has no trace of the marker.
func send(t *testing.T, f *fakes, e apigwtest.Event) apigw.Reply {
	t.Helper()
	logged.Reset()
	reply := apigwtest.Send(t, t.Context(), newHandler(f, f, config.Tenancy{}, nil), e)
	if log := logged.String(); strings.Contains(log, marker) || strings.Count(log, "operation finished") != 1 {
		t.Errorf("the log has content of the request, or not one finish line:\n%s", log)
	}
	return reply
}

// wantProblem checks that the reply is a problem document with the status and the
// field and without the content, and that no service was called.
func wantProblem(t *testing.T, f *fakes, r apigw.Reply, status int, field string) {
	t.Helper()
	apigwtest.WantProblem(t, r, status, field, marker)
	if len(f.calls) > 0 {
		t.Errorf("got calls %v, want none", f.calls)
	}
}

// takeTenants returns the tenants whose documents were used since it was last called.
func (f *fakes) takeTenants() (tenants []string) {
	for _, s := range f.searches {
		tenants = append(tenants, s.Tenant)
	}
	for _, c := range f.calls {
		if f := strings.Fields(c); len(f) > 1 {
			tenants = append(tenants, f[1])
		}
	}
	f.searches, f.calls = nil, nil
	return tenants
}
