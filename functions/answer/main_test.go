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

// world is an embedder, a searcher and a generator that keep what was asked of them.
type world struct {
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

func (w *world) Model() string { return "fake/3" }

func (w *world) Embed(_ context.Context, texts []string) ([][]float32, int, error) {
	w.queries = append(w.queries, texts...)
	return [][]float32{{1, 0, 0}}, 7, nil
}

func (w *world) Search(_ context.Context, tenant string, _ []float32, _, _ int, f rag.Filter) (rag.Found, error) {
	w.tenants, w.filter = append(w.tenants, tenant), f
	return rag.Found{Passages: w.passages}, w.unread
}

func (w *world) Window() int { return 8000 }

func (w *world) Generate(_ context.Context, p rag.Prompt, emit func(string) error) (rag.Generated, error) {
	w.prompts = append(w.prompts, p)
	for _, piece := range w.pieces {
		if err := emit(piece); err != nil {
			return rag.Generated{}, err
		}
	}
	return rag.Generated{Finish: w.finish, Model: "gpt-4.1-mini-2025-04-14", Paid: []rag.Paid{{Model: "gpt-4.1-mini", Prompt: 1000, Completion: 100}}}, w.err
}

// marker stands in every body's content, so that it shows where content leaks.
const marker = "xyzzymarker"

// request is an event as API Gateway sends it, of apigwtest.Account.
func request(body string) apigwtest.Event {
	e := apigwtest.Event{HTTPMethod: "POST", Resource: "/answer", Body: body, Headers: map[string]string{"Content-Type": "application/json"}}
	e.RequestContext.Identity.AccountID = apigwtest.Account
	return e
}

func newTestHandler(w *world, from config.Tenancy, streams bool) apigw.Func {
	chat := config.Chat{Streams: streams, Prices: price.OpenAI, Settings: config.ChatSettings{LeastScore: 0.1}}
	return newHandler(w, w, w, config.Config{Tenancy: from, EmbeddingModel: "text-embedding-3-small"}, chat, nil)
}

// send handles the event, and checks that the log has no trace of the marker.
func send(t *testing.T, w *world, e apigwtest.Event, streams bool) apigw.Reply {
	t.Helper()
	logged.Reset()
	reply := apigwtest.Send(t, t.Context(), newTestHandler(w, config.Tenancy{}, streams), e)
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
	if len(w.queries)+len(w.tenants)+len(w.prompts) > 0 {
		t.Errorf("something was asked of the world: %+v", w)
	}
}

// asked gives the tenants whose documents were asked for since it was called last.
func (w *world) asked() []string {
	tenants := w.tenants
	w.tenants = nil
	return tenants
}
