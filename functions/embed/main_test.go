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

// fakes is an embedder and a store that record their calls.
type fakes struct {
	err      error // what every call of the store returns
	known    map[string][]float32
	embedded []string
	calls    []string // of the store
	document rag.Document
	chunks   []rag.Chunk
}

func (f *fakes) Model() string { return "fake/3" }

func (f *fakes) Embed(_ context.Context, texts []string) ([][]float32, int, error) {
	f.embedded = append(f.embedded, texts...)
	out := make([][]float32, len(texts))
	for i := range out {
		out[i] = []float32{1, 0, 0}
	}
	return out, 7 * len(texts), nil
}

func (f *fakes) Latest(_ context.Context, tenant, id string) (rag.Document, string, error) {
	f.calls = append(f.calls, "latest "+tenant+" "+id)
	return f.document, f.document.Version, f.err
}

func (f *fakes) Embeddings(context.Context, string, string, string) (map[string][]float32, error) {
	return f.known, f.err
}

func (f *fakes) Replace(_ context.Context, tenant string, d rag.Document, chunks []rag.Chunk) error {
	f.calls = append(f.calls, "replace "+tenant+" "+d.ID)
	f.document, f.chunks = d, chunks
	f.known = map[string][]float32{}
	for _, c := range chunks {
		f.known[c.Hash] = c.Embedding
	}
	return f.err
}

func (f *fakes) Delete(_ context.Context, tenant, id string) error {
	f.calls = append(f.calls, "delete "+tenant+" "+id)
	return f.err
}

// request is an event as API Gateway sends it, signed by apigwtest.Account.
func request(method, id, media, body string) apigwtest.Event {
	e := apigwtest.Event{
		HTTPMethod:     method,
		Resource:       "/documents/{document_id}",
		Body:           body,
		PathParameters: map[string]string{"document_id": id},
		Headers:        map[string]string{"Content-Type": media},
	}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	return e
}

// send handles the event, and checks that the log has no trace of any marker.
func send(t *testing.T, f *fakes, e apigwtest.Event) apigw.Reply {
	t.Helper()
	logged.Reset()
	reply := apigwtest.Send(t, t.Context(), newHandler(f, f, config.Tenancy{}, nil), e)
	if log := logged.String(); strings.Contains(log, marker) || strings.Count(log, "operation finished") != 1 {
		t.Errorf("the log has content of the request, or not one finish line:\n%s", log)
	}
	return reply
}

// marker is in the content of every body: where it turns up, content has leaked.
const marker = "xyzzymarker"

// wantProblem checks that the reply is a problem document with the status and the
// field and without the content, and that no service was called.
func wantProblem(t *testing.T, f *fakes, r apigw.Reply, status int, field string) {
	t.Helper()
	apigwtest.WantProblem(t, r, status, field, marker)
	if len(f.calls) > 0 || len(f.embedded) > 0 {
		t.Errorf("got calls %v and %d texts embedded, want none", f.calls, len(f.embedded))
	}
}

// takeTenants returns the tenants whose documents were used since it was last called.
func (f *fakes) takeTenants() (tenants []string) {
	for _, c := range f.calls {
		tenants = append(tenants, strings.Fields(c)[1])
	}
	f.calls = nil
	return tenants
}
