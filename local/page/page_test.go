package page_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"ragtime/local/network"
	"ragtime/local/page"
)

// An operation is found by what the list shows of its id.
func TestFindByTheBeginning(t *testing.T) {
	s := newSite(t, echo)
	for _, id := range []string{"c66a5398-1", "c66a5398-2", "77aa88bb-3"} {
		s.say(id, map[string]any{"message": "operation started", "operation": "retrieve", "trace_id": "1-" + id, "budget_ms": 25000})
	}
	for begin, want := range map[string]int{"77aa88bb": 200, "77aa8": 404, "c66a5398": 404, "c66a5398-1": 200} {
		if got := s.get("operations/" + begin + ".txt").Code; got != want {
			t.Errorf("%s answered %d, want %d", begin, got, want)
		}
	}
}

// Every outcome is listed in words, with where it was, and has a page and a text.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		name  string
		say   func(s *site, id string)
		class string
		want  []string
	}{
		{"begun", func(s *site, id string) {}, "in-progress", []string{"retrieve is in progress"}},
		{"waiting", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation waiting", "step": "embed", "phase": "tls", "attempt": 2})
		}, "in-progress", []string{"retrieve is waiting in step embed, phase tls", "TLS handshake unfinished"}},
		{"ok", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation finished", "outcome": "ok", "elapsed_ms": 40})
		}, "ok", []string{"retrieve succeeded", "40 ms"}},
		{"survived", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation finished", "outcome": "ok", "elapsed_ms": 1240, "attempts": 2, "hangs_survived": 1})
		}, "ok", []string{"retrieve succeeded and survived 1 hang", "1.24 s"}},
		{"degraded", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation finished", "outcome": "ok", "elapsed_ms": 24000, "step": "generate", "phase": "wait",
				"degraded_kind": "timeout", "degraded_detail": "the detail"})
		}, "degraded", []string{"retrieve fell short in step generate, phase wait", "the detail"}},
		{"no phase", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation finished", "outcome": "error", "elapsed_ms": 3, "step": "read"})
		}, "error", []string{"retrieve failed in step read"}},
		{"timeout", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation finished", "outcome": "timeout", "elapsed_ms": 2000, "step": "embed", "phase": "wait", "detail": "the detail"})
			s.platform(id, "report", "success")
		}, "timeout", []string{"retrieve timed out in step embed, phase wait", "the detail", "2.00 s"}},
		{"error", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation finished", "outcome": "error", "elapsed_ms": 3, "step": "search", "phase": "receive", "detail": "the detail"})
		}, "error", []string{"retrieve failed in step search, phase receive", "the detail"}},
		{"killed", func(s *site, id string) {
			s.say(id, map[string]any{"message": "operation waiting", "step": "store", "phase": "receive", "attempt": 1})
			s.platform(id, "report", "timeout")
		}, "timeout", []string{"retrieve timed out in step store, phase receive", "Lambda killed the function at its timeout; it was last in step store, phase receive"}},
		{"crashed", func(s *site, id string) { s.platform(id, "report", "failure") },
			"error", []string{"retrieve failed", "process ended: failure Runtime.ExitError"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, echo)
			s.platform("op-1", "start", "")
			s.say("op-1", map[string]any{"message": "operation started", "operation": "retrieve", "trace_id": "1-a", "budget_ms": 25000})
			tt.say(s, "op-1")
			if list := s.get("").Body.String(); !strings.Contains(list, `class="badge `+tt.class+`"`) || !strings.Contains(list, page.Path+"operations/op-1") {
				t.Errorf("the list lacks the operation as %s:\n%s", tt.class, list)
			}
			for _, id := range []string{"op-1", "1-a", "op-1.txt", "1-a.txt", "latest.txt"} {
				got := s.get("operations/" + id)
				for _, want := range tt.want {
					if strings.HasSuffix(id, ".txt") && want == "TLS handshake unfinished" {
						continue // the page's only
					}
					if got.Code != 200 || !strings.Contains(got.Body.String(), want) {
						t.Errorf("%s answered %d without %q:\n%s", id, got.Code, want, got.Body)
					}
				}
			}
		})
	}
}

// A function that cannot start logs no operation; that it failed is listed, and
// an invocation that logs none and succeeds is not.
func TestInvocationsWithoutOperation(t *testing.T) {
	s := newSite(t, echo)
	s.platform("r-1", "start", "")
	s.platform("r-1", "report", "success")
	s.platform("r-2", "start", "")
	s.platform("r-2", "report", "error")
	if list := s.get("").Body.String(); strings.Contains(list, "r-1") || !strings.Contains(list, "operations/r-2") {
		t.Errorf("the list should have r-2 and not r-1:\n%s", list)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := newSite(t, echo)
	for _, id := range []string{"nothing", "nothing.txt", "latest", "latest.txt"} {
		if got := s.get("operations/" + id); got.Code != 404 || !strings.Contains(got.Body.String(), "There is no operation") {
			t.Errorf("%s answered %d: %s", id, got.Code, got.Body)
		}
	}
}

// The log forgets the oldest operations, and does not keep more text than it may.
func TestLogIsBounded(t *testing.T) {
	s := newSite(t, echo)
	for i := range 700 {
		s.say(fmt.Sprint("op-", i), map[string]any{"message": "operation started", "operation": "retrieve"})
	}
	ops := s.log.Recent(10_000)
	if len(ops) != 500 || ops[0].ID != "op-699" {
		t.Errorf("%d operations from %s, want 500 from op-699", len(ops), ops[0].ID)
	}
	if _, found := s.log.Find("op-0"); found {
		t.Error("the oldest operation is still there")
	}
	long := strings.Repeat("x", 20<<10)
	for range 200 {
		s.say("chatty", map[string]any{"message": long})
	}
	op, _ := s.log.Find("chatty")
	if op.Dropped == 0 || len(op.Lines) == 0 {
		t.Errorf("%d lines kept, %d dropped, want some of both", len(op.Lines), op.Dropped)
	}
	for _, l := range op.Lines {
		if len(l.Text) > 17<<10 {
			t.Errorf("a line of %d bytes is kept", len(l.Text))
		}
	}
	for i := range 30 {
		for range 60 {
			s.say(fmt.Sprint("long-", i), map[string]any{"message": long})
		}
	}
	text := 0
	for i := range 30 {
		op, _ := s.log.Find(fmt.Sprint("long-", i))
		for _, l := range op.Lines {
			text += len(l.Text)
		}
	}
	if text > 16<<20 || text < 14<<20 {
		t.Errorf("%d bytes of text are kept, want nearly 16 MiB", text)
	}
}

// Nothing that a log, a trace, an answer or a form holds becomes markup.
func TestNothingBreaksThePage(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)></svg></pre></title>` + "\x00\x1b[2J\u202e"
	s := newSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, evil) }))
	s.say(evil, map[string]any{"message": "operation started", "operation": evil, "trace_id": "1-evil", "budget_ms": 1, evil: evil})
	s.say(evil, map[string]any{"message": evil, "level": evil, "type": evil})
	s.say(evil, map[string]any{"message": "operation finished", "outcome": evil, "step": evil, "phase": evil, "detail": evil})
	// The whole way down, so that the names are those of an operation, a step, an
	// attempt and a phase.
	var document map[string]any
	for i := range 4 {
		d := map[string]any{"id": fmt.Sprint(evil, i), "name": evil, "start_time": 1.0, "end_time": 2.0, "fault": true,
			"cause": map[string]any{"exceptions": []any{map[string]any{"type": evil, "message": evil}}}, "annotations": map[string]any{evil: evil}}
		if document != nil {
			d["subsegments"] = []any{document}
		}
		document = d
	}
	s.trace(t, "1-evil", document)
	s.trace(t, "1-evil-survived", document)
	s.say("survived", map[string]any{"message": "operation started", "trace_id": "1-evil-survived"})
	s.say("survived", map[string]any{"message": "operation finished", "outcome": "ok"})
	sent := s.post("retrieve", url.Values{"query": {evil}})
	trace := path.Base(sent.Header().Get("Location"))
	s.say("answered", map[string]any{"message": "operation started", "operation": "retrieve", "trace_id": trace})
	waitFor(t, func() bool { return strings.Contains(s.get("operations/"+trace).Body.String(), "200 OK") })

	wrong := s.post("on", url.Values{"service": {"openai"}, "fault": {evil}, "query": {evil}, "text": {evil}, "times": {evil}})
	for name, w := range map[string]*httptest.ResponseRecorder{"list": s.get(""), "operation": s.get("operations/1-evil"), "survived": s.get("operations/survived"),
		"answered": s.get("operations/" + trace), "missing": s.get("operations/" + url.PathEscape(evil+evil)), "form": wrong} {
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", name, policy)
		}
		for _, problem := range foreign(t, w.Body.String()) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	if text := s.get("operations/1-evil.txt").Body.String(); !strings.Contains(text, "alert(1)") || strings.ContainsAny(text, "\x00\x1b\u202e") {
		t.Errorf("the text should have the names and no control characters: %q", text)
	}
}

// foreign finds what in a page is not ours: elements and attributes that our
// templates never have.
func foreign(t *testing.T, page string) (out []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "img" {
			out = append(out, "has an image")
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || strings.ContainsAny(a.Key, "\"'<>()") {
				out = append(out, fmt.Sprintf("<%s> has the attribute %s=%q", n.Data, a.Key, a.Val))
			}
			if n.Data == "script" && a.Key == "src" && a.Val != "/_ragtime/static/page.js" && a.Val != "/_ragtime/static/home.js" {
				out = append(out, "a script from "+a.Val)
			}
		}
		if n.Data == "script" && n.FirstChild != nil {
			out = append(out, "a script of "+n.FirstChild.Data)
		}
	}
	return out
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
	}
}

// A page elsewhere cannot switch faults, nor read anything under another name.
func TestGuard(t *testing.T) {
	s := newSite(t, echo)
	tests := []struct {
		name, host string
		header     map[string]string
		want       int
	}{
		{"this page", "localhost:3000", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:3000"}, 303},
		{"by address", "127.0.0.1:3000", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:3000"}, 303},
		{"by IPv6 address", "[::1]:3000", nil, 303},
		{"an old browser", "localhost:3000", map[string]string{"Origin": "http://localhost:3000"}, 303},
		{"curl", "127.0.0.1:3000", nil, 303},
		{"another site", "localhost:3000", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"another port", "localhost:3000", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8080"}, 403},
		{"an old browser elsewhere", "localhost:3000", map[string]string{"Origin": "https://evil.example"}, 403},
		{"a name rebound to this machine", "evil.example:3000", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example:3000"}, 403},
	}
	for _, tt := range tests {
		if err := s.openai.Set(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", page.Path+"on", strings.NewReader("service=openai&fault=wait-silent"))
		r.Host = tt.host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for k, v := range tt.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if on := len(s.openai.Faults()); w.Code != tt.want || on != map[int]int{303: 1, 403: 0}[tt.want] {
			t.Errorf("%s: answered %d with %d faults on, want %d", tt.name, w.Code, on, tt.want)
		}
	}
	r := httptest.NewRequest("GET", page.Path, nil)
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("a GET for another name answered %d, want 403", w.Code)
	}
}

func TestPanel(t *testing.T) {
	s := newSite(t, echo)
	tests := []struct {
		form string
		want []network.Fault
		say  string // of what is on, or of what is wrong
	}{
		{"service=openai&fault=wait-silent", []network.Fault{{Name: "wait-silent"}}, "openai · wait-silent: the request is read"},
		{"service=openai&fault=tls-silent&times=2&share=", []network.Fault{{Name: "tls-silent", Times: 2}}, "tls-silent 2 times:"},
		{"service=openai&fault=reset&share=5", []network.Fault{{Name: "reset", Share: 0.05}}, "reset, 5 % of what comes:"},
		{"service=openai&fault=reset&share=100", []network.Fault{{Name: "reset"}}, "reset: the connection"},
		{"service=openai&fault=slow&min_ms=20&max_ms=40", []network.Fault{{Name: "slow", MinMS: 20, MaxMS: 40}}, "slow, 20 to 40 ms:"},
		{"service=openai&fault=reset&times=x", nil, "times must be a number"},
		{"service=openai&fault=reset&share=-1", nil, "share must be a number, 0 to 100"},
		{"service=openai&fault=nonsense", nil, "there is no fault &#34;nonsense&#34;"},
		{"service=nobody&fault=reset", nil, "there is no service &#34;nobody&#34;"},
		{"service=openai&fault=slow", nil, "slow needs min_ms"},
	}
	for _, tt := range tests {
		if err := s.openai.Set(); err != nil {
			t.Fatal(err)
		}
		form, _ := url.ParseQuery(tt.form)
		w := s.post("on", form)
		shown := w.Body.String()
		if tt.want != nil {
			shown = s.get("").Body.String()
		}
		if got := s.openai.Faults(); !slices.Equal(got, tt.want) || !strings.Contains(shown, tt.say) || w.Code != map[bool]int{true: 303, false: 400}[tt.want != nil] {
			t.Errorf("%s: answered %d, on is %v, want %v and %q shown", tt.form, w.Code, got, tt.want, tt.say)
		}
	}
	s.post("on", url.Values{"service": {"openai"}, "fault": {"reset"}})
	if w := s.post("off", url.Values{"service": {"openai"}}); w.Code != 303 || len(s.openai.Faults()) != 0 {
		t.Errorf("off answered %d, on is %v", w.Code, s.openai.Faults())
	}
	if list := s.get("").Body.String(); !strings.Contains(list, "No fault is on") || strings.Contains(list, `value="one hang and`) {
		t.Error("the page does not say that no fault is on")
	}
}

// The buttons set their fault and send a request, which gets the API as any client's does.
func TestSend(t *testing.T) {
	s := newSite(t, echo)
	tests := []struct {
		path, form           string
		method, api, prefer  string
		bodyHas              string
		fault                string
		longerThan, noLonger int
	}{
		{"retrieve", "query=glasses&wait=2", "POST", "/retrieve", "wait=2", `"query":"glasses"`, "", 0, 100},
		{"retrieve", "query=glasses&wait=", "POST", "/retrieve", "", `"query":"glasses"`, "", 0, 100},
		{"put", "document=a+b&text=Some+words&wait=3", "PUT", "/documents/a b", "wait=3", `"text":"Some words"`, "", 0, 100},
		{"hang", "phase=dns", "POST", "/retrieve", "wait=6", `"query":"does`, "dns-silent", 0, 100},
		{"hang", "phase=send", "POST", "/retrieve", "wait=6", `"query":"does`, "send-stalls", 70 << 10, 200 << 10},
		{"hang", "phase=one+hang", "POST", "/retrieve", "wait=6", `"query":"does`, "wait-silent", 0, 100},
	}
	for _, tt := range tests {
		if err := s.openai.Set(); err != nil {
			t.Fatal(err)
		}
		form, _ := url.ParseQuery(tt.form)
		w := s.post(tt.path, form)
		trace := path.Base(w.Header().Get("Location"))
		if w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), page.Path+"operations/1-") {
			t.Errorf("%s answered %d to %q", tt.form, w.Code, w.Header().Get("Location"))
			continue
		}
		var shown string
		waitFor(t, func() bool {
			shown = s.get("operations/" + trace).Body.String()
			return strings.Contains(shown, "200 OK")
		})
		_, body, _ := strings.Cut(shown, "<pre>")
		body, _, _ = strings.Cut(body, "</pre>")
		var got struct{ Path, Method, Prefer, Type, Trace, Body string }
		if err := json.Unmarshal([]byte(html.UnescapeString(body)), &got); err != nil {
			t.Fatalf("%s: the page shows %s: %v", tt.form, body, err)
		}
		if got.Method != tt.method || got.Path != tt.api || got.Prefer != tt.prefer || got.Type != "application/json" ||
			got.Trace != "Root="+trace+";Sampled=1" || !strings.Contains(got.Body, tt.bodyHas) || len(got.Body) < tt.longerThan || len(got.Body) > tt.noLonger {
			t.Errorf("%s sent %.300v", tt.form, got)
		}
		if s.fresh != map[bool]int{true: 1, false: 0}[tt.path == "hang"] {
			t.Errorf("%s asked %d times for a fresh process", tt.form, s.fresh)
		}
		s.fresh = 0
		on := ""
		if f := s.openai.Faults(); len(f) > 0 {
			on = f[0].Name
		}
		if on != tt.fault {
			t.Errorf("%s: fault %q is on, want %q", tt.form, on, tt.fault)
		}
	}
	for _, wrong := range []string{"retrieve?wait=x", "retrieve?wait=99", "put?document=", "hang?phase=nonsense"} {
		to, form, _ := strings.Cut(wrong, "?")
		values, _ := url.ParseQuery(form)
		if w := s.post(to, values); w.Code != 400 || !strings.Contains(w.Body.String(), `role="alert"`) {
			t.Errorf("%s answered %d, want 400 and why", wrong, w.Code)
		}
	}
}

// Close ends what the page sent, and nothing is sent after it.
func TestCloseEndsRequests(t *testing.T) {
	begun := make(chan struct{})
	s := newSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}))
	trace := path.Base(s.post("retrieve", url.Values{"query": {"x"}}).Header().Get("Location"))
	<-begun
	if shown := s.get("operations/" + trace).Body.String(); !strings.Contains(shown, "not answered yet") || !strings.Contains(shown, "A request on its way") {
		t.Errorf("before its operation begins the page shows:\n%s", shown)
	}
	s.Close()
	if w := s.post("retrieve", url.Values{"query": {"x"}}); w.Code != 400 {
		t.Errorf("after Close a request was sent: %d", w.Code)
	}
}
