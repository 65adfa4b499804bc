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

// world is an embedder and a store that keep count of what was asked of them.
type world struct {
	err      error // what every call of the store returns
	known    map[string][]float32
	embedded []string
	calls    []string // of the store
	document rag.Document
	chunks   []rag.Chunk
}

func (w *world) Model() string { return "fake/3" }

func (w *world) Embed(_ context.Context, texts []string) ([][]float32, int, error) {
	w.embedded = append(w.embedded, texts...)
	out := make([][]float32, len(texts))
	for i := range out {
		out[i] = []float32{1, 0, 0}
	}
	return out, 7 * len(texts), nil
}

func (w *world) Latest(_ context.Context, tenant, id string) (rag.Document, string, error) {
	w.calls = append(w.calls, "latest "+tenant+" "+id)
	return w.document, w.document.Version, w.err
}

func (w *world) Embeddings(context.Context, string, string, string) (map[string][]float32, error) {
	return w.known, w.err
}

func (w *world) Replace(_ context.Context, tenant string, d rag.Document, chunks []rag.Chunk) error {
	w.calls = append(w.calls, "replace "+tenant+" "+d.ID)
	w.document, w.chunks = d, chunks
	w.known = map[string][]float32{}
	for _, c := range chunks {
		w.known[c.Hash] = c.Embedding
	}
	return w.err
}

func (w *world) Delete(_ context.Context, tenant, id string) error {
	w.calls = append(w.calls, "delete "+tenant+" "+id)
	return w.err
}

// request is an event as API Gateway sends it, of apigwtest.Account.
func request(method, id, media, body string) apigwtest.Event {
	e := apigwtest.Event{HTTPMethod: method, Resource: "/documents/{document_id}", Body: body,
		PathParameters: map[string]string{"document_id": id}, Headers: map[string]string{"Content-Type": media}}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	return e
}

// send handles the event, and checks that the log has no trace of any marker.
func send(t *testing.T, w *world, e apigwtest.Event) apigw.Reply {
	t.Helper()
	logged.Reset()
	reply := apigwtest.Send(t, t.Context(), newHandler(w, w, config.Tenancy{}, nil), e)
	if log := logged.String(); strings.Contains(log, marker) || strings.Count(log, "operation finished") != 1 {
		t.Errorf("the log has content of the request, or not one finish line:\n%s", log)
	}
	return reply
}

// marker stands in every body's content, so that it shows where content leaks.
const marker = "xyzzymarker"

// refused checks that the reply is a problem of the status that names the
// field, says nothing of the content, and that nothing was asked of the world.
func refused(t *testing.T, w *world, r apigw.Reply, status int, field string) {
	t.Helper()
	apigwtest.WantProblem(t, r, status, field, marker)
	if len(w.calls) > 0 || len(w.embedded) > 0 {
		t.Errorf("got calls %v and %d texts embedded, want none", w.calls, len(w.embedded))
	}
}

// asked gives the tenants whose documents were asked for since it was called last.
func (w *world) asked() (tenants []string) {
	for _, c := range w.calls {
		tenants = append(tenants, strings.Fields(c)[1])
	}
	w.calls = nil
	return tenants
}
