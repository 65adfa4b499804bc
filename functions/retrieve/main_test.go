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

// world is an embedder and a store that keep what was asked of them.
type world struct {
	err       error // what every call returns
	passages  []rag.Passage
	documents []rag.Document
	next      string

	searches []search
	calls    []string
}

func (w *world) Model() string { return "fake/3" }

func (w *world) Embed(_ context.Context, texts []string) ([][]float32, int, error) {
	w.calls = append(w.calls, "embed")
	if w.err != nil {
		return nil, 0, w.err
	}
	return [][]float32{{1, 0, 0}}, 7, nil
}

func (w *world) Search(_ context.Context, tenant string, _ []float32, k, _ int, f rag.Filter) (rag.Found, error) {
	w.calls = append(w.calls, "search")
	w.searches = append(w.searches, search{tenant, k, f})
	return rag.Found{Passages: w.passages}, w.err
}

func (w *world) Get(_ context.Context, tenant, id string) (rag.Document, error) {
	w.calls = append(w.calls, "get "+tenant+" "+id)
	if w.err != nil {
		return rag.Document{}, w.err
	}
	return w.documents[0], nil
}

func (w *world) List(_ context.Context, tenant string, limit int, cursor string) ([]rag.Document, string, error) {
	w.calls = append(w.calls, "list "+tenant+" "+cursor)
	return w.documents[:min(limit, len(w.documents))], w.next, w.err
}

func (w *world) Chunks(_ context.Context, tenant, id string, limit int, cursor string) ([]rag.Chunk, string, error) {
	w.calls = append(w.calls, "chunks "+tenant+" "+id+" "+cursor)
	return []rag.Chunk{{N: 0, Text: "text", Tokens: 1}}, w.next, w.err
}

// marker stands in every body's content, so that it shows where content leaks.
const marker = "xyzzymarker"

// request is an event as API Gateway sends it, of apigwtest.Account.
func request(method, resource, body string) apigwtest.Event {
	e := apigwtest.Event{HTTPMethod: method, Resource: resource, Body: body, Headers: map[string]string{"Content-Type": "application/json"}}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	return e
}

// send handles the event, and checks that the log has no trace of the marker.
func send(t *testing.T, w *world, e apigwtest.Event) apigw.Reply {
	t.Helper()
	logged.Reset()
	reply := apigwtest.Send(t, t.Context(), newHandler(w, w, config.Tenancy{}, nil), e)
	if log := logged.String(); strings.Contains(log, marker) || strings.Count(log, "operation finished") != 1 {
		t.Errorf("the log has content of the request, or not one finish line:\n%s", log)
	}
	return reply
}

// refused checks that the reply is a problem of the status that names the
// field, says nothing of the content, and that nothing was asked of the world.
func refused(t *testing.T, w *world, r apigw.Reply, status int, field string) {
	t.Helper()
	apigwtest.WantProblem(t, r, status, field, marker)
	if len(w.calls) > 0 {
		t.Errorf("got calls %v, want none", w.calls)
	}
}

// asked gives the tenants whose documents were asked for since it was called last.
func (w *world) asked() (tenants []string) {
	for _, s := range w.searches {
		tenants = append(tenants, s.Tenant)
	}
	for _, c := range w.calls {
		if f := strings.Fields(c); len(f) > 1 {
			tenants = append(tenants, f[1])
		}
	}
	w.searches, w.calls = nil, nil
	return tenants
}
