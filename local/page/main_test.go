package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/page"
	"ragtime/local/system/systemtest"
	"ragtime/local/xray"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(systemtest.Clean)) }

// site is a page over services and an API of its own, without functions.
type site struct {
	*page.Page
	log    *page.Log
	traces *xray.Daemon
	openai *network.Host
	fresh  int // how often fresh processes were asked for
}

func newSite(t *testing.T, api http.Handler) *site {
	t.Helper()
	n, err := network.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	s := &site{log: new(page.Log)}
	own := network.Kind{Name: "rate-limited", Meaning: "429", Wrap: func(h http.Handler) http.Handler { return h }}
	if s.openai, err = n.Serve("openai", http.NotFoundHandler(), own); err != nil {
		t.Fatal(err)
	}
	dynamodb, err := n.Serve("dynamodb", http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	if s.traces, err = xray.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.traces.Close() })
	s.Page = page.New(api, s.traces, s.log, func() { s.fresh++ }, s.openai, dynamodb)
	t.Cleanup(s.Page.Close)
	return s
}

// get asks for a path below the page's.
func (s *site) get(path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost:3000"+page.Path+path, nil))
	return w
}

// post sends a form as the page itself would.
func (s *site) post(path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://localhost:3000"+page.Path+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// say logs a line of a function.
func (s *site) say(id string, fields map[string]any) {
	fields["operation_id"] = id
	text, _ := json.Marshal(fields)
	s.log.Add(lambda.Line{Time: time.Now(), Function: "retrieve", RequestID: id, Text: string(text)})
}

// platform logs a line of Lambda's.
func (s *site) platform(id, kind, status string) {
	text := fmt.Sprintf(`{"type":"platform.%s","record":{"requestId":%q,"status":%q,"errorType":"Runtime.ExitError","metrics":{"durationMs":1500}}}`, kind, id, status)
	s.log.Add(lambda.Line{Time: time.Now(), Function: "retrieve", RequestID: id, Text: text, Platform: true})
}

// trace sends a document to the daemon, and waits until it is there.
func (s *site) trace(t *testing.T, id string, document map[string]any) {
	t.Helper()
	document["trace_id"] = id
	body, _ := json.Marshal(document)
	c, err := net.Dial("udp", s.traces.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "{\"format\":\"json\",\"version\":1}\n%s", body)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(s.traces.Trace(id)) == 0 {
		if ctx.Err() != nil {
			t.Fatal("the document did not arrive")
		}
		time.Sleep(time.Millisecond)
	}
}

// echo is an API that answers with what it was asked.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	json.NewEncoder(w).Encode(map[string]string{"path": r.URL.Path, "method": r.Method, "prefer": r.Header.Get("Prefer"),
		"type": r.Header.Get("Content-Type"), "trace": r.Header.Get("X-Amzn-Trace-Id"), "body": string(body)})
})
