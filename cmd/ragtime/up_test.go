package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
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

	t.Run("put and retrieve", func(t *testing.T) { testCommands(t, root, r.url) })
}

// testCommands drives put and retrieve as a person would.
func testCommands(t *testing.T, root, url string) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.md": "# Bees\n\nThe hive stands behind the shed.", "sub/b.txt": "The pond freezes in January.",
		"sub/c.bin": "no text", ".hidden.md": "hidden", "bad.md": ""} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, []byte(text), 0o644)
	}
	ragtime := func(args ...string) (string, int) {
		c := exec.Command(filepath.Join(root, "build/ragtime"), args...)
		c.Env = append(os.Environ(), "RAGTIME_ENDPOINT="+url)
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	out, code := ragtime("put", dir, "--root", dir)
	if code != 1 || !strings.Contains(out, "bad.md: failed") || !strings.Contains(out, "text must not be empty") ||
		!strings.Contains(out, "2 put, 0 unchanged, 2 skipped (1 .bin, 1 hidden), 1 failed") {
		t.Errorf("put exited %d:\n%s", code, out)
	}
	os.Remove(filepath.Join(dir, "bad.md"))
	if out, code := ragtime("put", dir, "--root", dir, "--collection=garden"); code != 0 || !strings.Contains(out, "2 put, 0 unchanged") || !strings.Contains(out, "2 chunks, 0 of them embedded anew") {
		t.Errorf("put exited %d:\n%s", code, out)
	}
	if out, code := ragtime("put", dir+"/sub/..", "--root", dir, "--collection=garden"); code != 0 || !strings.Contains(out, "0 put, 2 unchanged") {
		t.Errorf("the same put again exited %d:\n%s", code, out)
	}
	if out, code := ragtime("list"); code != 0 || !strings.Contains(out, "a.md\t1\t") || !strings.Contains(out, "sub~b.txt\t1\t") {
		t.Errorf("list exited %d:\n%s", code, out)
	}
	if out, code := ragtime("get", "a.md"); code != 0 || !strings.Contains(out, "-- chunk 0, ") || !strings.Contains(out, "behind the shed") {
		t.Errorf("get exited %d:\n%s", code, out)
	}
	other := t.TempDir()
	os.WriteFile(filepath.Join(other, "a.md"), []byte("Another a."), 0o644)
	if out, code := ragtime("put", other, "--root", other); code != 0 || !strings.Contains(out, "it replaces the one from ") {
		t.Errorf("a put over another source's document exited %d and said:\n%s", code, out)
	}
	if out, code := ragtime("put", dir, "--root", dir, "--collection=garden"); code != 0 {
		t.Errorf("put exited %d:\n%s", code, out)
	}
	os.Remove(filepath.Join(dir, "sub/b.txt"))
	if out, code := ragtime("put", dir, "--root", dir, "--collection=garden", "--prune"); code != 0 || !strings.Contains(out, "1 deleted") {
		t.Errorf("put --prune exited %d:\n%s", code, out)
	}
	if out, code := ragtime("get", "sub~b.txt"); code != 1 || !strings.Contains(out, "no document") {
		t.Errorf("get of what was pruned exited %d:\n%s", code, out)
	}
	fifo := filepath.Join(dir, "fifo.md")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := ragtime("put", dir, "--root", dir, "--dry-run"); code != 0 || !strings.Contains(out, "1 no regular file") || !strings.Contains(out, "1 would be put") {
		t.Errorf("put --dry-run exited %d:\n%s", code, out)
	}
	if out, code := ragtime("put", fifo); code != 1 || !strings.Contains(out, "is no regular file") {
		t.Errorf("put of a FIFO exited %d:\n%s", code, out)
	}
	if out, code := ragtime("frobnicate"); code != 2 || strings.Count(out, "\n") != 1 {
		t.Errorf("an unknown word exited %d, want 2 and one line:\n%s", code, out)
	}
	for _, word := range []string{"help", "version"} {
		if out, code := ragtime(word); code != 0 || !strings.Contains(out, "ragtime") {
			t.Errorf("%s exited %d:\n%s", word, code, out)
		}
	}
	if out, code := ragtime("retrieve", "where is the hive?", "-k1", "--collection=garden"); code != 0 || !strings.Contains(out, "1. a.md, chunk 0") || !strings.Contains(out, "behind the shed") {
		t.Errorf("retrieve exited %d:\n%s", code, out)
	}
	if out, code := ragtime("retrieve", "x", "-k0"); code == 0 || !strings.Contains(out, "top_k") {
		t.Errorf("retrieve -k0 exited %d:\n%s", code, out)
	}
	if out, code := ragtime("retrieve", "x", "--endpoint=http://127.0.0.1:1"); code == 0 || !strings.Contains(out, "ragtime up") {
		t.Errorf("retrieve from nowhere exited %d:\n%s", code, out)
	}
}

// The first thing that a newcomer sees.
func TestUpWelcomes(t *testing.T) {
	r := start(t, systemtest.Build(t), t.TempDir())
	var out strings.Builder
	for !strings.Contains(out.String(), "accept: text/event-stream") {
		line, err := r.out.ReadString('\n')
		if err != nil {
			t.Fatalf("up ended: %v\n%s", err, out.String())
		}
		out.WriteString(line)
	}
	for _, want := range []string{"loaded: 25 sample documents", "appeals, chunk", "curl -s " + r.url, "ragtime answer", "-X PUT " + r.url + "/_ragtime/faults/openai"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the welcome lacks %q:\n%s", want, out.String())
		}
	}
	r.Process.Signal(os.Interrupt)
	if err := r.Wait(); err != nil {
		t.Errorf("after Ctrl-C up ended with %v", err)
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

// A taken port is told with who has it and the way out.
func TestUpOnATakenPort(t *testing.T) {
	root := systemtest.Build(t)
	r := start(t, root, t.TempDir(), "--samples=false")
	_, port, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), ":")
	c := exec.Command(filepath.Join(root, "build/ragtime"), "up", "--port="+port, "--data="+t.TempDir(), "--samples=false")
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a Ragtime that runs already") || !strings.Contains(string(out), "--port") {
		t.Errorf("up on a taken port: %v\n%s", err, out)
	}
}

// A service that hangs does not keep a put from ending: Ctrl-C ends it with 130
// and the counts so far, and a service that is down ends it by itself.
func TestPutEnds(t *testing.T) {
	root, dir := systemtest.Build(t), t.TempDir()
	for i := range 12 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("note-%d.md", i)), []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	asked := make(chan struct{}, 100)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer hanging.Close()
	c := exec.Command(filepath.Join(root, "build/ragtime"), "put", dir, "--root", dir, "--endpoint", hanging.URL)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	c.Process.Signal(os.Interrupt)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 130 || !strings.Contains(out.String(), "0 put, 0 unchanged, 0 skipped, 0 failed, 12 not tried") {
		t.Errorf("after Ctrl-C it exited %d, want 130 and the counts:\n%s", code, out.String())
	}
	down, err := exec.Command(filepath.Join(root, "build/ragtime"), "put", dir, "--root", dir, "--endpoint", "http://127.0.0.1:1").CombinedOutput()
	if err == nil || !strings.Contains(string(down), "the rest is not tried") || !strings.Contains(string(down), "not tried:") {
		t.Errorf("a put to a service that is down: %v\n%s", err, down)
	}
}
