package page_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"ragtime/local/page"
)

// shelf is an API that keeps the documents that are put.
type shelf map[string]string

func (s shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.Contains(string(body), "too much"):
		w.WriteHeader(400)
		fmt.Fprint(w, `{"title":"Invalid request","detail":"text is too much"}`)
	case r.Method == http.MethodPut:
		s[r.URL.Path] = string(body)
		fmt.Fprint(w, `{"document_id":"from the API","chunks":2,"embedded":1}`)
	case s[r.URL.Path] == "":
		w.WriteHeader(404)
	default:
		fmt.Fprint(w, s[r.URL.Path])
	}
}

// A file becomes the document that `ragtime put` would make of it, or the answer
// says why it does not.
func TestFiles(t *testing.T) {
	api := shelf{"/documents/taken.md": `{"metadata":{"source":"elsewhere/taken.md","year":2026,"draft":true}}`}
	s := newSite(t, api)
	put := func(path, text string) (out struct {
		DocumentID string `json:"document_id"`
		Title      string
		Chunks     int
		Replaced   string
		Problem    string
	}) {
		t.Helper()
		r := httptest.NewRequest("POST", "http://localhost:3000"+page.Path+"files?path="+url.QueryEscape(path), strings.NewReader(text))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
			t.Fatalf("%s: answered %d %s", path, w.Code, w.Body)
		}
		return out
	}
	got := put("docs/x y.md", "# Bees\n\ntext")
	if got.Problem != "" || got.Title != "Bees" || got.Chunks != 2 || got.Replaced != "" {
		t.Errorf("got %+v", got)
	}
	var sent struct {
		Text, Title string
		Metadata    map[string]string
	}
	if err := json.Unmarshal([]byte(api["/documents/docs~x~~20y.md"]), &sent); err != nil || sent.Text != "# Bees\n\ntext" || sent.Title != "Bees" || sent.Metadata["source"] != "docs/x y.md" {
		t.Errorf("the API was sent %v: %v", api, err)
	}
	if got := put("docs/x y.md", "# Wasps"); got.Replaced != "" {
		t.Errorf("the same file again replaces %q", got.Replaced)
	}
	if got := put("taken.md", "text"); got.Replaced != "elsewhere/taken.md" {
		t.Errorf("a document from elsewhere is replaced: %q", got.Replaced)
	}
	if got := put("../../up.md", "text"); got.Problem != "" || api["/documents/up.md"] == "" {
		t.Errorf("a path that leads up: %+v", got)
	}
	for path, text := range map[string]string{"photo.png": "x", "noending": "x", "": "x", ".md": "\xff", "latin.txt": "Gr\xfc\xdfe",
		"long.md": strings.Repeat("x", 2<<20+1), "much.md": "too much"} {
		want := map[string]string{"latin.txt": "not UTF-8", "long.md": "too large", "much.md": "text is too much", ".md": "not UTF-8"}[path]
		if want == "" {
			want = "only .md, .markdown or .txt files are taken"
		}
		if got := put(path, text); !strings.Contains(got.Problem, want) {
			t.Errorf("%q: problem %q, want %q", path, got.Problem, want)
		}
	}
}

// The script is told how an operation is doing by its trace, from before it begins.
func TestStatus(t *testing.T) {
	s := newSite(t, echo)
	at := func() (state, headline string) {
		var out struct{ State, Headline string }
		if w := s.get("status/1-a"); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &out) != nil {
			t.Fatalf("answered %d: %s", w.Code, w.Body)
		}
		return out.State, out.Headline
	}
	if state, headline := at(); state+headline != "" {
		t.Errorf("before it begins: %q, %q", state, headline)
	}
	s.say("op", map[string]any{"message": "operation started", "operation": "retrieve", "trace_id": "1-a", "budget_ms": 2000})
	s.say("op", map[string]any{"message": "operation waiting", "step": "embed", "phase": "wait"})
	if state, headline := at(); state != "in progress" || headline != "retrieve is waiting in step embed, phase wait (no response byte)" {
		t.Errorf("while it waits: %q, %q", state, headline)
	}
	s.say("op", map[string]any{"message": "operation finished", "outcome": "ok"})
	if state, headline := at(); state != "ok" || headline != "retrieve succeeded" {
		t.Errorf("at its end: %q, %q", state, headline)
	}
}

// Only what the page is made of is served beside it.
func TestStatic(t *testing.T) {
	s := newSite(t, echo)
	for name, want := range map[string]int{"page.css": 200, "home.js": 200, "ask.js": 200, "ask.css": 404, "nothing.js": 404, "..%2fpage.go": 404} {
		w := s.get("static/" + name)
		if w.Code != want {
			t.Errorf("%s answered %d, want %d", name, w.Code, want)
		}
	}
	style := s.get("static/page.css").Body.String()
	for _, part := range []string{":root", ".passage", ".documents", ".facts", ".trace .label"} {
		if !strings.Contains(style, part) {
			t.Errorf("the style sheet lacks %s", part)
		}
	}
}
