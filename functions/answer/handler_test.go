package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/config"
	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

var found = []rag.Passage{
	{
		DocumentID: "a",
		Chunk:      2,
		Text:       marker + " one",
		Score:      0.9,
		Title:      "A",
	},
	{DocumentID: "b", Text: "two", Score: 0.5},
}

// clientAnswer is an answer as a client decodes it.
type clientAnswer struct {
	Answer    *string `json:"answer"`
	Finish    string  `json:"finish"`
	Model     string  `json:"model"`
	Citations []struct {
		Marker     int    `json:"marker"`
		DocumentID string `json:"document_id"`
		Chunk      int    `json:"chunk"`
		Text       string `json:"text"`
	} `json:"citations"`
	Dropped  int `json:"citations_dropped"`
	Passages []struct {
		DocumentID string `json:"document_id"`
	} `json:"passages"`
	Degraded *struct{ Step, Phase, Kind, Reason string } `json:"degraded"`
	Usage    struct {
		Embedding  int      `json:"embedding_tokens"`
		Prompt     int      `json:"prompt_tokens"`
		Completion int      `json:"completion_tokens"`
		Cost       *float64 `json:"cost_usd"`
	} `json:"usage"`
	OperationID string `json:"operation_id"`
}

func parseAnswer(t *testing.T, body string) (s clientAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return s
}

func TestAnswer(t *testing.T) {
	for _, streams := range []bool{false, true} {
		f := &fakes{passages: found, pieces: []string{"It is so [1", "] and so [7]."}, finish: rag.FinishStop}
		r := send(t, f, request(`{"question":"`+marker+`?","filter":{"collection":"c"}}`), streams)
		s := parseAnswer(t, r.Body)
		if r.StatusCode != 200 ||
			s.Answer == nil ||
			*s.Answer != "It is so [1] and so." ||
			s.Finish != "stop" ||
			s.Model != "gpt-4.1-mini-2025-04-14" ||
			s.Dropped != 1 ||
			len(s.Passages) != 2 ||
			s.Degraded != nil ||
			s.OperationID != "op-1" {
			t.Errorf("got %d %s", r.StatusCode, r.Body)
		}
		if len(s.Citations) != 1 ||
			s.Citations[0].DocumentID != "a" ||
			s.Citations[0].Chunk != 2 ||
			s.Citations[0].Text != marker+" one" {
			t.Errorf("got citations %+v", s.Citations)
		}
		// 7 tokens at 0.02, 1,000 at 0.40 and 100 at 1.60 dollars a million.
		if u := s.Usage; u.Embedding != 7 ||
			u.Prompt != 1000 ||
			u.Completion != 100 ||
			u.Cost == nil ||
			fmt.Sprintf("%.8f", *u.Cost) != "0.00056014" {
			t.Errorf("got usage %+v", u)
		}
		if f.queries[0] != marker+"?" || f.filter.Collection != "c" || f.tenants[0] != "account:"+apigwtest.Account {
			t.Errorf("got search %+v", f)
		}
		for _, metric := range []string{`"embedding_tokens":7`, `"prompt_tokens":1000`, `"completion_tokens":100`, `"citations_dropped":1`} {
			if !strings.Contains(logged.String(), metric) {
				t.Errorf("the finish line lacks %s", metric)
			}
		}
	}
}

// null for an optional field is as if it were absent.
func TestAnswerNulls(t *testing.T) {
	f := &fakes{passages: found, pieces: []string{"It is so [1]."}, finish: rag.FinishStop}
	absent := send(t, f, request(`{"question":"q"}`), false)
	nulls := send(t, f, request(`{"question":"q","messages":null,"top_k":null,"filter":null,"min_score":null,"rank":null,"merge":null}`), false)
	if absent.StatusCode != 200 || nulls.StatusCode != 200 || absent.Body != nulls.Body {
		t.Errorf("got %d %s\nand with nulls %d %s", absent.StatusCode, absent.Body, nulls.StatusCode, nulls.Body)
	}
}

// Where the model hangs, the answer has its passages and no text. A client that
// prefers strict handling gets the failure instead.
func TestAnswerDegraded(t *testing.T) {
	hung := &fault.Error{Kind: fault.Timeout, Phase: fault.PhaseWait, Detail: "hung", Cause: fmt.Errorf("private")}
	for _, streams := range []bool{false, true} {
		f := &fakes{passages: found, pieces: []string{"It is"}, err: hung}
		r := send(t, f, request(`{"question":"q"}`), streams)
		s := parseAnswer(t, r.Body)
		if r.StatusCode != 200 ||
			s.Answer != nil ||
			!strings.Contains(r.Body, `"answer":null`) ||
			len(s.Passages) != 2 ||
			s.Degraded == nil ||
			s.Degraded.Step != "generate" ||
			s.Degraded.Phase != "wait" ||
			s.Degraded.Kind != "timeout" ||
			strings.Contains(r.Body, "private") {
			t.Errorf("got %d %s, want the passages and why there is no more", r.StatusCode, r.Body)
		}
		for _, told := range []string{`"degraded":1`, `"outcome":"ok"`, `"step":"generate"`, `"phase":"wait"`, `"degraded_kind":"timeout"`, `"level":"WARN"`} {
			if !strings.Contains(logged.String(), told) {
				t.Errorf("the finish line lacks %s:\n%s", told, logged.String())
			}
		}
		e := request(`{"question":"q"}`)
		e.Headers["Prefer"] = "handling=strict"
		if r = send(t, f, e, streams); r.StatusCode != 504 || !strings.Contains(r.Body, `"step":"generate"`) {
			t.Errorf("got %d %s of a strict client, want 504", r.StatusCode, r.Body)
		}
	}
}

// Passages whose documents cannot be read are shown as such: no model quotes them.
func TestAnswerUnread(t *testing.T) {
	hung := &fault.Error{Kind: fault.Timeout, Phase: fault.PhaseWait, Detail: "hung"}
	for _, streams := range []bool{false, true} {
		f := &fakes{passages: found, unread: hung}
		r := send(t, f, request(`{"question":"q"}`), streams)
		s := parseAnswer(t, r.Body)
		if r.StatusCode != 200 ||
			s.Answer != nil ||
			len(s.Passages) != 2 ||
			s.Degraded == nil ||
			s.Degraded.Step != "search" ||
			s.Degraded.Phase != "wait" {
			t.Errorf("got %d %s, want the passages and why there is no more", r.StatusCode, r.Body)
		}
		if len(f.prompts) != 0 {
			t.Errorf("the model was asked: %+v", f.prompts)
		}
		for _, told := range []string{`"degraded":1`, `"step":"search"`, `"phase":"wait"`, `"embedding_tokens":7`} {
			if !strings.Contains(logged.String(), told) {
				t.Errorf("the finish line lacks %s:\n%s", told, logged.String())
			}
		}
		e := request(`{"question":"q"}`)
		e.Headers["Prefer"] = "handling=strict"
		if r = send(t, f, e, streams); r.StatusCode != 504 || !strings.Contains(r.Body, `"step":"search"`) {
			t.Errorf("got %d %s of a strict client, want 504", r.StatusCode, r.Body)
		}
	}
}

func TestAnswerOfNothing(t *testing.T) {
	f := &fakes{}
	r := send(t, f, request(`{"question":"q"}`), false)
	if s := parseAnswer(t, r.Body); s.Answer == nil ||
		s.Finish != "no_passages" ||
		len(f.prompts) != 0 ||
		!strings.Contains(r.Body, `"passages":[]`) ||
		!strings.Contains(r.Body, `"citations":[]`) {
		t.Errorf("got %s, want that nothing is known, without a call of the model", r.Body)
	}
}

// events splits a stream into the names and the data of its events.
func events(t *testing.T, body string) (names []string, data []string) {
	t.Helper()
	for block := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		name, rest, ok := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: ")
		if !ok || !json.Valid([]byte(rest)) {
			t.Fatalf("%q is no event", block)
		}
		names = append(names, name)
		data = append(data, rest)
	}
	return names, data
}

func TestAnswerStreamed(t *testing.T) {
	ask := func(f *fakes) ([]string, []string) {
		e := request(`{"question":"q"}`)
		e.Headers["Accept"] = "text/event-stream"
		r := send(t, f, e, true)
		if r.StatusCode != 200 || r.Headers["Content-Type"] != "text/event-stream" {
			t.Fatalf("got %d %v", r.StatusCode, r.Headers)
		}
		return events(t, r.Body)
	}
	names, data := ask(&fakes{passages: found, pieces: []string{"It is", " so [1", "]."}, finish: rag.FinishStop})
	if d := cmp.Diff([]string{"passages", "text", "text", "text", "citations", "done"}, names); d != "" {
		t.Fatalf("events (-want +got):\n%s", d)
	}
	if data[1] != `{"text":"It is"}` ||
		!strings.Contains(data[0], `"document_id":"a"`) ||
		!strings.Contains(data[4], `"marker":1`) {
		t.Errorf("got %q", data)
	}
	if s := parseAnswer(t, data[5]); s.Finish != "stop" || s.Usage.Prompt != 1000 || s.OperationID != "op-1" {
		t.Errorf("got done %s", data[5])
	}
	names, data = ask(&fakes{passages: found, pieces: []string{"It is"}, err: fault.New(fault.Timeout, "hung")})
	if d := cmp.Diff([]string{"passages", "text", "error"}, names); d != "" || parseAnswer(t, data[2]).Degraded == nil {
		t.Errorf("events of a hang, %s (-want +got):\n%s", data, d)
	}
	names, _ = ask(&fakes{})
	if d := cmp.Diff([]string{"passages", "text", "citations", "done"}, names); d != "" {
		t.Errorf("events where nothing is known (-want +got):\n%s", d)
	}
}

func TestAnswerRefused(t *testing.T) {
	field := func(s string) string { return `{"question":"` + marker + `",` + s + `}` }
	message := func(s string) string {
		return field(`"messages":[{"role":"user","content":"` + marker + `"},` + s + `]`)
	}
	var many []string
	for range rag.MaxMessages + 1 {
		many = append(many, `{"role":"user","content":"x"}`)
	}
	for _, tt := range []struct{ name, body, field string }{
		{"no question", `{}`, "question"},
		{"null", `{"question":null}`, "question"},
		{"number", `{"question":1}`, "question"},
		{"blank", `{"question":" "}`, "question"},
		{"with NUL", `{"question":"` + marker + `\u0000"}`, "question"},
		{"longer than the model takes", `{"question":"` + marker + strings.Repeat(" a", 4000) + `"}`, "question"},
		{"a query", `{"query":"` + marker + `"}`, "query"},
		{"top_k", field(`"top_k":0`), "top_k"},
		{"min_score", field(`"min_score":2`), "min_score"},
		{"rank", field(`"rank":""`), "rank"},
		{"filter", field(`"filter":{"collection":""}`), "filter.collection"},
		{"messages an object", field(`"messages":{}`), "messages"},
		{"messages of texts", field(`"messages":["` + marker + `"]`), "messages[0]"},
		{"too many", field(`"messages":[` + strings.Join(many, ",") + `]`), "messages"},
		{"too long", message(`{"role":"user","content":"` + strings.Repeat("a ", 17_000) + `"}`), "messages"},
		{"system", message(`{"role":"system","content":"` + marker + `"}`), "messages[1].role"},
		{"no role", message(`{"content":"` + marker + `"}`), "messages[1].role"},
		{"no content", message(`{"role":"assistant"}`), "messages[1].content"},
		{"content a list", message(`{"role":"user","content":[{"type":"text"}]}`), "messages[1].content"},
		{"unknown in a message", message(`{"role":"user","content":"x","name":"` + marker + `"}`), "messages[1].name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakes{}
			wantProblem(t, f, send(t, f, request(tt.body), true), 400, tt.field)
		})
	}
	for accept, streams := range map[string]bool{"text/html": true, "text/event-stream": false} {
		f := &fakes{}
		e := request(`{"question":"` + marker + `"}`)
		e.Headers["Accept"] = accept
		wantProblem(t, f, send(t, f, e, streams), 406, "")
	}
}

var calls = []apigwtest.Call{{Method: "POST", Resource: "/answer", Body: `{"question":"a"}`}}

// Whatever an event claims to be, only its caller's documents are read.
func TestForgedEvents(t *testing.T) {
	f := &fakes{passages: found}
	apigwtest.Forged(t, calls, func(from config.Tenancy) apigw.Func { return newTestHandler(f, from, true) }, f.takeTenants)
}

func TestAnyEvent(t *testing.T) {
	f := &fakes{passages: found}
	apigwtest.AnyEvent(t, calls, func(from config.Tenancy) apigw.Func { return newTestHandler(f, from, true) }, f.takeTenants)
}
