package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"ragtime/local/system/systemtest"
)

// running is a `ragtime up` under test.
type running struct {
	*exec.Cmd
	url string
	out *bufio.Reader
}

func TestMain(m *testing.M) { systemtest.Clean(m.Run()) }

func start(t *testing.T, root, data string, args ...string) *running {
	t.Helper()
	c := exec.Command(filepath.Join(root, "build/ragtime"), append([]string{"up", "--port=0", "--data=" + data}, args...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	r := &running{Cmd: c, out: bufio.NewReader(out)}
	line, err := r.out.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready: ")
	if !ok {
		t.Fatalf("up printed %q (%v), want ready:", line, err)
	}
	r.url = url
	return r
}

// do sends a request and gives status and decoded answer.
func (r *running) do(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	var out map[string]any
	if len(raw) > 0 && json.Unmarshal(raw, &out) != nil {
		t.Fatalf("%s %s: %s: no JSON: %s", method, path, resp.Status, raw)
	}
	return resp.StatusCode, out
}

func (r *running) first(t *testing.T, query string) string {
	t.Helper()
	status, out := r.do(t, "POST", "/retrieve", `{"query":"`+query+`"}`)
	if status != 200 {
		t.Fatalf("retrieve answered %d: %v", status, out)
	}
	if list := out["passages"].([]any); len(list) > 0 {
		return list[0].(map[string]any)["text"].(string)
	}
	return ""
}

// The life of documents, through a restart and a kill -9 of the whole system.
func TestUp(t *testing.T) {
	root, data := systemtest.Build(t), t.TempDir()
	r := start(t, root, data, "--samples=false")
	expect := func(method, path, body string, want int) map[string]any {
		t.Helper()
		status, out := r.do(t, method, path, body)
		if status != want {
			t.Fatalf("%s %s answered %d, want %d: %v", method, path, status, want, out)
		}
		return out
	}
	expect("GET", "/documents/hours", "", 404)
	put := expect("PUT", "/documents/hours", `{"text":"The front desk opens at half past seven.","title":"Hours","collection":"office","metadata":{"floor":"1"}}`, 200)
	if put["chunks"] != 1.0 || put["embedded"] != 1.0 || put["operation_id"] == "" {
		t.Errorf("put answered %v", put)
	}
	again := expect("PUT", "/documents/hours", `{"text":"The front desk opens at half past seven.","title":"Hours","collection":"office"}`, 200)
	if again["embedded"] != 0.0 || again["reused"] != 1.0 || again["version"].(string) <= put["version"].(string) {
		t.Errorf("the same text again answered %v, want its embedding reused in a later version", again)
	}
	if got := expect("GET", "/documents/hours", "", 200); got["status"] != "ready" || got["title"] != "Hours" || got["collection"] != "office" {
		t.Errorf("get answered %v", got)
	}
	expect("PUT", "/documents/parking", `{"text":"Visitors park on the roof."}`, 200)
	list := expect("GET", "/documents?limit=1", "", 200)
	if docs := list["documents"].([]any); len(docs) != 1 || list["cursor"] == nil {
		t.Errorf("the first page is %v, want one document and a cursor", list)
	}
	rest := expect("GET", "/documents?limit=1&cursor="+list["cursor"].(string), "", 200)
	if docs := rest["documents"].([]any); len(docs) != 1 || docs[0].(map[string]any)["document_id"] != "parking" || rest["cursor"] != nil {
		t.Errorf("the last page is %v, want parking and no cursor", rest)
	}
	if got := r.first(t, "when does the front desk open?"); !strings.Contains(got, "half past seven") {
		t.Errorf("found %q", got)
	}
	expect("PUT", "/documents/hours", `{"text":"The front desk opens at nine."}`, 200)
	if got := r.first(t, "when does the front desk open?"); !strings.Contains(got, "nine") {
		t.Errorf("after the replacement found %q", got)
	}

	// Ctrl-C stops it; what was put is there after a restart.
	r.Process.Signal(os.Interrupt)
	if err := r.Wait(); err != nil {
		t.Errorf("after Ctrl-C up ended with %v", err)
	}
	r = start(t, root, data, "--samples=false")
	if got := r.first(t, "where do visitors park?"); !strings.Contains(got, "roof") {
		t.Errorf("after a restart found %q", got)
	}
	expect("PUT", "/documents/lunch", `{"text":"Lunch is served in the atrium."}`, 200)

	// What was acknowledged survives kill -9.
	r.Process.Signal(syscall.SIGKILL)
	r.Wait()
	r = start(t, root, data, "--samples=false")
	if got := r.first(t, "where is lunch served?"); !strings.Contains(got, "atrium") {
		t.Errorf("after kill -9 found %q", got)
	}
	expect("DELETE", "/documents/lunch", "", 204)
	expect("DELETE", "/documents/lunch", "", 204)
	expect("GET", "/documents/lunch", "", 404)
	if got := r.first(t, "where is lunch served?"); strings.Contains(got, "atrium") {
		t.Errorf("a deleted document's passage came back: %q", got)
	}
}

// Whose embeddings are made is said, and a key alone sends nothing anywhere.
func TestUpSaysWhoseEmbeddings(t *testing.T) {
	root := systemtest.Build(t)
	var asked atomic.Int32
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	defer provider.Close()
	t.Setenv("OPENAI_API_KEY", "sk-test")
	t.Setenv("OPENAI_BASE_URL", provider.URL+"/v1")
	r := start(t, root, t.TempDir())
	var out strings.Builder
	for !strings.Contains(out.String(), "embeddings:") {
		line, err := r.out.ReadString('\n')
		if err != nil {
			t.Fatalf("up ended: %v\n%s", err, out.String())
		}
		out.WriteString(line)
	}
	if !strings.Contains(out.String(), "the stand-in on this machine; with --openai") {
		t.Errorf("up says %q, want whose embeddings it uses", out.String())
	}
	if asked.Load() != 0 {
		t.Errorf("%d requests went to the API of the key, unasked", asked.Load())
	}
}
