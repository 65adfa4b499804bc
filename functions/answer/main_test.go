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
	"ragtime/shared/price"
	"ragtime/shared/rag"
)

// logged is everything that the tests' operations logged. Tests do not run in parallel.
var logged bytes.Buffer

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewJSONHandler(&logged, nil)))
	goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit))
}

// fakes is an embedder, a searcher and a generator that record their calls.
type fakes struct {
	passages []rag.Passage
	pieces   []string
	finish   rag.Finish
	err      error // of the generator, after the pieces
	unread   error // of the search, beside the passages

	tenants []string
	queries []string
	filter  rag.Filter
	prompts []rag.Prompt
}

func (f *fakes) Model() string { return "fake/3" }

func (f *fakes) Embed(_ context.Context, texts []string) ([][]float32, int, error) {
	f.queries = append(f.queries, texts...)
	return [][]float32{{1, 0, 0}}, 7, nil
}

func (f *fakes) Search(_ context.Context, tenant string, _ []float32, _, _ int, filter rag.Filter) (rag.Found, error) {
	f.tenants = append(f.tenants, tenant)
	f.filter = filter
	return rag.Found{Passages: f.passages}, f.unread
}

func (f *fakes) Window() int { return 8000 }

func (f *fakes) Generate(_ context.Context, p rag.Prompt, emit func(string) error) (rag.Generated, error) {
	f.prompts = append(f.prompts, p)
	for _, piece := range f.pieces {
		if err := emit(piece); err != nil {
			return rag.Generated{}, err
		}
	}
	return rag.Generated{
		Finish: f.finish,
		Model:  "gpt-4.1-mini-2025-04-14",
		Paid:   []rag.Paid{{Model: "gpt-4.1-mini", Prompt: 1000, Completion: 100}},
	}, f.err
}

// marker is in the content of every body: where it turns up, content has leaked.
const marker = "xyzzymarker"

// request is an event as API Gateway sends it, signed by apigwtest.Account.
func request(body string) apigwtest.Event {
	e := apigwtest.Event{HTTPMethod: "POST", Resource: "/answer", Body: body, Headers: map[string]string{"Content-Type": "application/json"}}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	return e
}

func newTestHandler(f *fakes, from config.Tenancy, streams bool) apigw.Func {
	chat := config.Chat{Streams: streams, Prices: price.OpenAI, Settings: config.ChatSettings{LeastScore: 0.1}}
	return newHandler(f, f, f, config.Config{Tenancy: from, EmbeddingModel: "text-embedding-3-small"}, chat, nil)
}

// send handles the event, and checks that the log has no trace of the marker.
func send(t *testing.T, f *fakes, e apigwtest.Event, streams bool) apigw.Reply {
	t.Helper()
	logged.Reset()
	reply := apigwtest.Send(t, t.Context(), newTestHandler(f, config.Tenancy{}, streams), e)
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
	if len(f.queries)+len(f.tenants)+len(f.prompts) > 0 {
		t.Errorf("a service was called: %+v", f)
	}
}

// takeTenants returns the tenants whose documents were used since it was last called.
func (f *fakes) takeTenants() []string {
	tenants := f.tenants
	f.tenants = nil
	return tenants
}
