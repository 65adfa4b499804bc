package system_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"ragtime/local/gateway"
	"ragtime/local/lambda"
	"ragtime/local/samples"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// The test binary is also the program of two functions: see runDeafFunction and runEchoFunction.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_STREAMS") != "" {
		runEchoFunction()
		return
	}
	if url := os.Getenv("TEST_DEAF"); url != "" {
		runDeafFunction(url)
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(systemtest.Clean))
}

// do sends a request over a connection of its own. headers are names and values; without
// a Content-Type among them it is JSON. The end of the test closes the body.
func do(t *testing.T, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Host = req.Header.Get("Host") // the client ignores the header
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// call sends a request and decodes the JSON answer into out, if that is not nil.
func call(t *testing.T, method, url, body string, out any) int {
	t.Helper()
	resp := do(t, method, url, body)
	defer resp.Body.Close()
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			t.Fatalf("%s %s: %s: %v", method, url, resp.Status, err)
		}
	}
	return resp.StatusCode
}

func put(t *testing.T, base, id, text string) int {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"text": text})
	return call(t, "PUT", base+"/documents/"+url.PathEscape(id), string(body), nil)
}

type passages struct {
	Passages []struct {
		DocumentID string `json:"document_id"`
		Chunk      int    `json:"chunk"`
		Text       string `json:"text"`
	} `json:"passages"`
}

func retrieve(t *testing.T, base, query string, k int) (out passages) {
	t.Helper()
	body, _ := json.Marshal(map[string]any{"query": query, "top_k": k})
	if status := call(t, "POST", base+"/retrieve", string(body), &out); status != 200 {
		t.Fatalf("retrieve answered %d", status)
	}
	return out
}

// The real functions answer every file in events/, in the samples' order.
func TestEvents(t *testing.T) {
	root := systemtest.Build(t)
	s := systemtest.Start(t, system.Options{Root: root})
	all, err := gateway.Samples(s.Template)
	if err != nil {
		t.Fatal(err)
	}
	for _, sample := range all {
		t.Run(sample.Name, func(t *testing.T) {
			r, err := s.Lambda.Invoke(t.Context(), sample.Function, lambda.Invocation{Payload: sample.Event})
			if err != nil {
				t.Fatal(err)
			}
			if err := sample.Check(r.Payload); err != nil {
				t.Error(err)
			}
			if got := string(r.Payload); !strings.Contains(got, r.RequestID) && !strings.Contains(got, "warm") {
				t.Errorf("answered %s, want the operation's id in it", got)
			}
		})
	}
}

// The stand-in makes retrieval useful without a key: of the 40 questions at least 38
// find the document that answers them among the first 3 passages.
func TestSamplesAreFound(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	for _, d := range samples.Documents() {
		if status := put(t, s.URL, d.ID, d.Text); status != 200 {
			t.Fatalf("put %s answered %d", d.ID, status)
		}
	}
	found := 0
	for _, q := range samples.Questions() {
		var got []string
		for _, p := range retrieve(t, s.URL, q.Question, 3).Passages {
			got = append(got, p.DocumentID)
		}
		if strings.Contains(" "+strings.Join(got, " ")+" ", " "+q.Document+" ") {
			found++
		} else {
			t.Logf("%q found %v, want %s", q.Question, got, q.Document)
		}
	}
	if want := 38; found < want {
		t.Errorf("%d of %d questions found their document among the first 3, want %d", found, len(samples.Questions()), want)
	}
}

// writeCounter counts the writes to the table, and calls before and after at each.
type writeCounter struct {
	next   http.Handler
	mu     sync.Mutex
	n      int
	seen   map[string]bool // bodies
	before func(n int)
	after  func(n int)
}

func (w *writeCounter) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	target := r.Header.Get("X-Amz-Target")
	if !strings.HasSuffix(target, ".PutItem") && !strings.HasSuffix(target, ".UpdateItem") && !strings.HasSuffix(target, ".BatchWriteItem") {
		w.next.ServeHTTP(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock() // writes go one after the other, so that there is a point between any two
	defer w.mu.Unlock()
	if w.seen[string(body)] { // another attempt
		w.next.ServeHTTP(rw, r)
		return
	}
	w.seen[string(body)] = true
	w.n++
	w.before(w.n)
	w.next.ServeHTTP(rw, r)
	w.after(w.n)
}

// versionedText returns a text of n paragraphs, each about a chunk, that name the version.
func versionedText(version string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "## Part %d of version %s\n\n", i, version)
		for j := range 60 {
			fmt.Fprintf(&b, "Sentence %d of part %d belongs to version %s. ", j, i, version)
		}
		b.WriteString("\n\n")
	}
	return b.String()
}

// Killing the function before or after any write of a replacement leaves the
// old or the new document whole, and the next replacement mends the rest.
func TestKillBetweenAnyTwoWrites(t *testing.T) {
	root := systemtest.Build(t)
	var w *writeCounter
	s := systemtest.Start(t, system.Options{Root: root, WrapDynamoDB: func(next http.Handler) http.Handler {
		w = &writeCounter{next: next}
		return w
	}})
	none := func(int) {}
	kill := func(at int) func(int) {
		return func(n int) {
			if n == at {
				for _, e := range s.Lambda.Environments("embed") {
					e.Kill()
				}
			}
		}
	}
	reset := func(before, after func(int)) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.n = 0
		w.seen = map[string]bool{}
		w.before = before
		w.after = after
	}

	// whole checks that a search finds all chunks of one version and no others. It
	// returns the version.
	whole := func(t *testing.T) string {
		t.Helper()
		var d struct{ Chunks int }
		if status := call(t, "GET", s.URL+"/documents/doc", "", &d); status != 200 {
			t.Fatalf("the document is gone: %d", status)
		}
		versions := map[string]int{}
		for _, p := range retrieve(t, s.URL, "sentence of part belongs to version", 100).Passages {
			for _, v := range []string{"alpha", "beta"} {
				if strings.Contains(p.Text, "version "+v) {
					versions[v]++
				}
			}
		}
		if len(versions) != 1 {
			t.Fatalf("passages of versions %v, want one", versions)
		}
		for v, n := range versions {
			if n != d.Chunks {
				t.Errorf("%d passages of version %s, the document has %d chunks", n, v, d.Chunks)
			}
			return v
		}
		return ""
	}

	reset(none, none)
	const parts = 20 // two batches of chunks; twice as many stay below the 100 that a search gives
	if status := put(t, s.URL, "doc", versionedText("alpha", parts)); status != 200 {
		t.Fatalf("put answered %d", status)
	}
	if status := put(t, s.URL, "doc", versionedText("beta", parts)); status != 200 {
		t.Fatalf("replacement answered %d", status)
	}
	total := w.n
	if total < 6 {
		t.Fatalf("a put and a replacement made %d writes, want several", total)
	}
	reset(none, none)
	put(t, s.URL, "doc", versionedText("alpha", parts))
	replacement := w.n
	for at := 1; at <= replacement; at++ {
		for name, hooks := range map[string][2]func(int){"before": {kill(at), none}, "after": {none, kill(at)}} {
			t.Run(fmt.Sprintf("%s write %d of %d", name, at, replacement), func(t *testing.T) {
				reset(none, none)
				for _, what := range []string{"beta", "alpha"} { // at least one of them changes the document
					if status := put(t, s.URL, "doc", versionedText(what, parts)); status != 200 {
						t.Fatalf("put answered %d", status)
					}
				}
				reset(hooks[0], hooks[1])
				status := put(t, s.URL, "doc", versionedText("beta", parts))
				w.mu.Lock()
				reached := w.n >= at // on a busy machine a sweep may not come to its last write
				w.mu.Unlock()
				if status != 502 && reached {
					t.Errorf("the killed put answered %d, want 502", status)
				}
				reset(none, none)
				whole(t)
			})
		}
	}
	if status := put(t, s.URL, "doc", versionedText("beta", parts)); status != 200 {
		t.Fatalf("put answered %d", status)
	}
	if got := whole(t); got != "beta" {
		t.Errorf("version %s is current, want beta", got)
	}
}

func TestTenantsAreApart(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	if status := put(t, s.URL, "doc", "The vault opens at noon."); status != 200 {
		t.Fatalf("put answered %d", status)
	}
	asAlice := func(method, path, body string) (status int, answer string) {
		resp := do(t, method, s.URL+path, body,
			"X-Amz-Date", "20261124T000000Z",
			"Authorization", "AWS4-HMAC-SHA256 Credential=alice/20261124/local/execute-api/aws4_request, "+
				"SignedHeaders=host;x-amz-date, Signature=00")
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, answer := asAlice("GET", "/documents/doc", ""); status != 404 {
		t.Errorf("another tenant's get answered %d: %s", status, answer)
	}
	status, answer := asAlice("POST", "/retrieve", `{"query":"when does the vault open?"}`)
	if status != 200 || strings.Contains(answer, "noon") {
		t.Errorf("another tenant's retrieve answered %d: %s", status, answer)
	}
	if status, answer := asAlice("DELETE", "/documents/doc", ""); status != 204 {
		t.Errorf("another tenant's delete answered %d: %s", status, answer)
	}
	if got := retrieve(t, s.URL, "when does the vault open?", 1); len(got.Passages) != 1 {
		t.Error("another tenant's delete took the document away")
	}
}

// Without the built functions, Start fails with the reason, and leaves nothing running.
func TestMissingFunctions(t *testing.T) {
	root := t.TempDir()
	template, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(root, "template.yaml"), template, 0o644)
	if s, err := system.Start(system.Options{Root: root}); err == nil {
		s.Close()
		t.Fatal("started without functions")
	} else if !strings.Contains(err.Error(), "bootstrap") {
		t.Errorf("error %v does not name what is missing", err)
	}
}
