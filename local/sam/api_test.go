package sam_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ragtime/local/system"
)

// api is a running `ragtime sam-local`.
type api struct {
	url, page string // of sam's API, and of the page and the faults
	command   *exec.Cmd
	log       *tail
	ended     chan struct{} // closed after its last output
}

var (
	pageURL    = regexp.MustCompile(`(http://127\.0\.0\.1:\d+)` + system.ControlPath)
	servingURL = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)
)

// serve starts `ragtime sam-local` and waits until sam serves.
func serve(t *testing.T, p project) *api {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a := &api{
		command: p.command(t, "sam-local", "--no-samples", "--page", "0", "--port", strconv.Itoa(port)),
		log:     new(tail),
		ended:   make(chan struct{}),
	}
	a.command.Stdout = write
	a.command.Stderr = write
	if err := a.command.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	up := make(chan struct{})
	go func() {
		defer close(a.ended)
		defer read.Close()
		for s := bufio.NewScanner(read); s.Scan(); {
			fmt.Fprintln(a.log, s.Text())
			if m := pageURL.FindStringSubmatch(s.Text()); m != nil {
				a.page = m[1]
			}
			if m := servingURL.FindStringSubmatch(s.Text()); m != nil && a.url == "" {
				a.url = m[1]
				close(up)
			}
		}
	}()
	select {
	case <-up:
	case <-a.ended:
		a.command.Wait()
		t.Fatalf("sam local start-api did not start:\n%s", a.log)
	}
	return a
}

// stop interrupts the command as Ctrl-C does, and waits for its end.
func (a *api) stop(t *testing.T) {
	t.Helper()
	a.command.Process.Signal(os.Interrupt)
	err := a.command.Wait()
	<-a.ended
	if err != nil {
		t.Errorf("ended with %v:\n%s", err, a.log)
	}
}

func (a *api) send(t *testing.T, method, url, body string) (status int, answer string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "wait=10")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, url, err, a.log)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw), resp.Header
}

// routeTests has one or more requests for each route of the template. Their order matters.
var routeTests = []struct {
	route, path, body string
	status            int
	has               string // the answer's body
}{
	{"PUT /documents/{document_id}", "/documents/note", `{"text": "The front desk opens at half past seven."}`, 200, `"embedded":1`},
	{"GET /documents/{document_id}", "/documents/note", "", 200, `"document_id":"note"`},
	{"GET /documents/{document_id}/chunks", "/documents/note/chunks?limit=5", "", 200, "half past seven"},
	{"GET /documents", "/documents?limit=5", "", 200, `"document_id":"note"`},
	{"POST /retrieve", "/retrieve", `{"query": "When does the front desk open?"}`, 200, "half past seven"},
	{"POST /retrieve", "/retrieve", `{"query": "When does`, 400, "urn:ragtime:problem:"},
	{"POST /answer", "/answer", `{"question": "When does the front desk open?"}`, 200, "half past seven"},
	{"POST /diagnose", "/diagnose", "", 200, `"ok":true`},
	{"DELETE /documents/{document_id}", "/documents/note", "", 204, ""},
	{"GET /documents/{document_id}", "/documents/note", "", 404, "urn:ragtime:problem:"},
}

// Every route through `sam local start-api`, and hangs named through it. Ctrl-C
// ends sam, its containers and the stand-ins.
func testStartAPI(t *testing.T, p project) {
	a := serve(t, p)
	left := map[string]bool{}
	for _, r := range p.template.Routes {
		left[r.Method+" "+r.Path] = true
	}
	for _, e := range routeTests {
		method, _, _ := strings.Cut(e.route, " ")
		status, answer, header := a.send(t, method, a.url+e.path, e.body)
		if status != e.status || !strings.Contains(answer, e.has) {
			t.Errorf("%s %s: got %d %s, want %d with %q", method, e.path, status, answer, e.status, e.has)
		}
		if header.Get("Ragtime-Operation-Id") == "" {
			t.Errorf("%s %s: not answered by a function: %s", method, e.path, answer)
		}
		delete(left, e.route)
	}
	for route := range left {
		t.Errorf("%s was not asked", route)
	}

	for _, hang := range []struct{ service, fault, step, phase string }{
		{"openai", "wait-silent", "embed", "wait"},
		{"openai", "dns-silent", "embed", "dns"},
		{"dynamodb", "tls-silent", "search", "tls"},
	} {
		control := a.page + system.ControlPath + "/" + hang.service
		if status, answer, _ := a.send(t, "PUT", control, fmt.Sprintf(`{"fault":%q}`, hang.fault)); status != 200 {
			t.Fatalf("%v: %d %s", hang, status, answer)
		}
		status, answer, _ := a.send(t, "POST", a.url+"/retrieve", `{"query": "When does the front desk open?"}`)
		var problem struct{ Step, Phase string }
		err := json.Unmarshal([]byte(answer), &problem)
		if err != nil || status != 504 || problem.Step != hang.step || problem.Phase != hang.phase {
			t.Errorf("%v: got %d %s, want a 504 that names step and phase", hang, status, answer)
		}
		a.send(t, "DELETE", control, "")
	}

	a.stop(t)
	for _, url := range []string{a.url, a.page} {
		if c, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Minute); err == nil {
			c.Close()
			t.Errorf("%s still answers", url)
		}
	}
	if left := p.containers(t); left != "" {
		t.Errorf("containers are left: %s", left)
	}
}
