package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/config"
	"ragtime/shared/fault"
	"ragtime/shared/metadata"
	"ragtime/shared/query"
	"ragtime/shared/rag"
)

// readFilter panics where the filter has a mistake.
func readFilter(raw string) (f rag.Filter) {
	if err := f.ReadExact("filter", []byte(raw)); err != nil {
		panic(err)
	}
	return f
}

func sameFilter(a, b rag.Filter) bool { return reflect.DeepEqual(a, b) }

func TestRetrieve(t *testing.T) {
	found := []rag.Passage{
		{
			DocumentID: "a",
			Chunk:      2,
			Text:       marker,
			Score:      0.9,
			Title:      "A",
			Metadata:   metadata.Map{"k": metadata.String("v"), "n": metadata.Bool(true)},
		},
		{DocumentID: "b", Text: "other", Score: 0.5},
	}
	tests := []struct {
		name, body string
		want       search
		passages   int
	}{
		{"defaults", `{"query":"` + marker + `"}`, search{K: 100}, 2},
		{"top_k", `{"query":"` + marker + `","top_k":100}`, search{K: 100}, 2},
		{"filters", `{"query":"q","filter":{"document_id":"a","collection":"c","metadata":{"k":"v"}}}`,
			search{K: 100, Filter: readFilter(`{"document_id":"a","collection":"c","metadata":{"k":"v"}}`)}, 2},
		{"operators", `{"query":"q","filter":{"not":{"metadata":{"k":{"gte":3,"prefix":"a"}}}}}`,
			search{K: 100, Filter: readFilter(`{"not":{"metadata":{"k":{"gte":3,"prefix":"a"}}}}`)}, 2},
		{"empty filter", `{"query":"q","filter":{}}`, search{K: 100}, 2},
		{"top_k of fewer", `{"query":"q","top_k":1}`, search{K: 100}, 1},
		{"nulls", `{"query":"q","top_k":null,"min_score":null,"rank":null,"merge":null,"filter":{"document_id":null,"collection":null,"metadata":null}}`, search{K: 100}, 2},
		{"no filter", `{"query":"q","filter":null}`, search{K: 100}, 2},
		{"nulls within a filter", `{"query":"q","filter":{"and":null,"or":null,"not":null}}`, search{K: 100}, 2},
		{"by similarity", `{"query":"other","rank":"similarity"}`, search{K: 100}, 2},
		{"fused", `{"query":"q","rank":"fused"}`, search{K: 100}, 2},
		{"min_score", `{"query":"q","min_score":0.6}`, search{K: 100}, 1},
		{"min_score of the best", `{"query":"q","min_score":0.9}`, search{K: 100}, 1},
		{"min_score over all", `{"query":"q","min_score":1}`, search{K: 100}, 0},
		{"min_score least", `{"query":"q","min_score":-1}`, search{K: 100}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakes{passages: found}
			r := send(t, f, request("POST", "/retrieve", tt.body))
			var got retrieveAnswer
			if err := json.Unmarshal([]byte(r.Body), &got); r.StatusCode != 200 || err != nil {
				t.Fatalf("got %d %s", r.StatusCode, r.Body)
			}
			want := retrieveAnswer{Passages: query.Passages(found[:tt.passages]), Usage: usage{7}, OperationID: "op-1"}
			// Ranks and words are rag's to test; here it matters that they are told.
			for i, p := range got.Passages {
				if p.SimilarityRank == 0 || p.Words == nil {
					t.Errorf("passage %d: got no rank or words in %s", i, r.Body)
				}
			}
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(query.Passage{}, "SimilarityRank", "WordRank", "Words", "Chunks")); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
			tt.want.Tenant = "account:123456789012"
			if d := cmp.Diff([]search{tt.want}, f.searches, cmp.Comparer(sameFilter)); d != "" {
				t.Errorf("searches (-want +got):\n%s", d)
			}
		})
	}
}

// Passages of one text are given once, adjacent ones are joined on request, and
// rounding takes no score out of its bounds.
func TestRetrieveDistinctAndMerged(t *testing.T) {
	found := []rag.Passage{
		{DocumentID: "a", Chunk: 3, Text: "The second.", Score: 1.0000001},
		{DocumentID: "copy", Chunk: 0, Text: "The second.", Score: 0.9},
		{DocumentID: "b", Chunk: 0, Text: "Cafe\u0301.", Score: 0.5},
		{DocumentID: "a", Chunk: 2, Text: "The first.", Score: -1.0000001},
	}
	for _, test := range []struct{ name, body, want string }{
		{"apart", `{"query":"q"}`, "a 2 0 -1 The first., a 3 0 1 The second., b 0 0 0.5 Cafe\u0301."},
		{"merged", `{"query":"q","merge":true}`, "a 2 2 1 The first.\n\nThe second., b 0 1 0.5 Cafe\u0301."},
		{"merge null", `{"query":"q","merge":null}`, "a 2 0 -1 The first., a 3 0 1 The second., b 0 0 0.5 Cafe\u0301."},
	} {
		r := send(t, &fakes{passages: found}, request("POST", "/retrieve", test.body))
		var got retrieveAnswer
		if err := json.Unmarshal([]byte(r.Body), &got); r.StatusCode != 200 || err != nil {
			t.Fatalf("%s: got %d %s", test.name, r.StatusCode, r.Body)
		}
		var lines []string
		for _, p := range got.Passages {
			lines = append(lines, fmt.Sprint(p.DocumentID, " ", p.Chunk, " ", p.Chunks, " ", p.Score, " ", p.Text))
		}
		slices.Sort(lines)
		if d := cmp.Diff(test.want, strings.Join(lines, ", ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
	// A query matches a text however the characters of both are composed.
	for _, word := range []string{"caf\u00e9", "cafe\u0301", "CAFE"} {
		r := send(t, &fakes{passages: found}, request("POST", "/retrieve", `{"query":"`+word+`","top_k":1}`))
		if !strings.Contains(r.Body, `"document_id":"b"`) || !strings.Contains(r.Body, `"words":["cafe"]`) {
			t.Errorf("%+q: got %s", word, r.Body)
		}
	}
}

// Nothing found is an empty list, not null.
func TestRetrieveNothing(t *testing.T) {
	r := send(t, &fakes{}, request("POST", "/retrieve", `{"query":"q"}`))
	if !strings.Contains(r.Body, `"passages":[]`) {
		t.Errorf("got %s, want an empty list of passages", r.Body)
	}
}

func TestRetrieveRefused(t *testing.T) {
	field := func(s string) string { return `{"query":"` + marker + `",` + s + `}` }
	filter := func(s string) string { return field(`"filter":{` + s + `}`) }
	var entries []string
	for i := range 65 {
		entries = append(entries, fmt.Sprintf(`"k%d":"v"`, i))
	}
	tests := []struct{ name, body, field string }{
		{"no body", ``, "body"},
		{"no JSON", marker, "body"},
		{"array", `["` + marker + `"]`, "body"},
		{"no UTF-8", "{\"query\":\"" + marker + "\xff\"}", "query"},
		{"nested 10,000 deep", field(`"filter":` + strings.Repeat(`{"filter":`, 10_000) + "1" + strings.Repeat("}", 10_000)), "body"},
		{"unknown", field(`"topk":5`), "topk"},
		{"tenant", field(`"tenant":"` + marker + `"`), "tenant"},
		{"query missing", `{}`, "query"},
		{"query null", `{"query":null}`, "query"},
		{"query number", `{"query":1}`, "query"},
		{"query empty", `{"query":""}`, "query"},
		{"query blank", `{"query":" \n"}`, "query"},
		{"query with NUL", `{"query":"` + marker + `\u0000"}`, "query"},
		{"query with a lone surrogate", `{"query":"` + marker + `\udc00"}`, "query"},
		{"query over 8192 tokens", `{"query":"` + marker + strings.Repeat(" a", 8200) + `"}`, "query"},
		{"query of megabytes", `{"query":"` + marker + strings.Repeat("a", 5<<20) + `"}`, "query"},
		{"top_k 0", field(`"top_k":0`), "top_k"},
		{"top_k 101", field(`"top_k":101`), "top_k"},
		{"top_k negative", field(`"top_k":-1`), "top_k"},
		{"top_k fraction", field(`"top_k":1.5`), "top_k"},
		{"top_k string", field(`"top_k":"5"`), "top_k"},
		{"top_k huge", field(`"top_k":1e30`), "top_k"},
		{"min_score over 1", field(`"min_score":1.01`), "min_score"},
		{"min_score under -1", field(`"min_score":-1.01`), "min_score"},
		{"min_score string", field(`"min_score":"` + marker + `"`), "min_score"},
		{"rank unknown", field(`"rank":"best"`), "rank"},
		{"rank empty", field(`"rank":""`), "rank"},
		{"rank number", field(`"rank":1`), "rank"},
		{"merge string", field(`"merge":"true"`), "merge"},
		{"min_score huge", field(`"min_score":1e999`), "min_score"},
		{"filter string", field(`"filter":"` + marker + `"`), "filter"},
		{"filter unknown", filter(`"collecton":"` + marker + `"`), "filter.collecton"},
		{"filter.document_id empty", filter(`"document_id":""`), "filter.document_id"},
		{"filter.document_id number", filter(`"document_id":1`), "filter.document_id"},
		{"filter.document_id with a slash", filter(`"document_id":"../` + marker + `"`), "filter.document_id"},
		{"filter.document_id too long", filter(`"document_id":"` + strings.Repeat("a", 129) + `"`), "filter.document_id"},
		{"filter.collection empty", filter(`"collection":""`), "filter.collection"},
		{"filter.collection with NUL", filter(`"collection":"` + marker + `\u0000"`), "filter.collection"},
		{"filter.metadata array", filter(`"metadata":["` + marker + `"]`), "filter.metadata"},
		{"filter.metadata of null", filter(`"metadata":{"k":null}`), "filter.metadata.k"},
		{"filter.metadata operator unknown", filter(`"metadata":{"k":{"like":"` + marker + `"}}`), "filter.metadata.k.like"},
		{"filter deep within", filter(`"or":[{"metadata":{"k":1}},{"not":{"metadata":{"k":{"gte":true}}}}]`), "filter.or[1].not.metadata.k.gte"},
		{"filter.metadata key empty", filter(`"metadata":{"":"` + marker + `"}`), "filter.metadata"},
		{"filter.metadata value too long", filter(`"metadata":{"k":"` + strings.Repeat("v", 513) + `"}`), "filter.metadata.k"},
		{"filter.metadata with 65 values", filter(`"metadata":{` + strings.Join(entries, ",") + `}`), "filter.metadata.k64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakes{}
			wantProblem(t, f, send(t, f, request("POST", "/retrieve", tt.body)), 400, tt.field)
		})
	}
}

func TestRetrieveMediaAndIdentity(t *testing.T) {
	for _, media := range []string{"", "text/plain", "application/json; charset=latin1", "text/html"} {
		f := &fakes{}
		e := request("POST", "/retrieve", `{"query":"`+marker+`"}`)
		e.Headers["Content-Type"] = media
		wantProblem(t, f, send(t, f, e), 415, "")
	}
	for _, route := range []string{"POST /retrieve", "GET /documents", "GET /documents/{document_id}"} {
		f := &fakes{}
		method, resource, _ := strings.Cut(route, " ")
		e := request(method, resource, `{"query":"`+marker+`"}`)
		e.RequestContext.Identity.AccountID = ""
		wantProblem(t, f, send(t, f, e), 401, "")
	}
	f := &fakes{}
	e := request("POST", "/retrieve", `{"query":"`+marker+`"}`)
	e.IsBase64Encoded = true
	wantProblem(t, f, send(t, f, e), 400, "body")
}

// The answer says what kind of failure a remote service had, and not its private cause.
func TestRetrieveFails(t *testing.T) {
	f := &fakes{err: &fault.Error{Kind: fault.Unavailable, Detail: "openai: answered 503", Cause: fmt.Errorf("private")}}
	r := send(t, f, request("POST", "/retrieve", `{"query":"`+marker+`"}`))
	if r.StatusCode != 503 || !strings.Contains(r.Body, `"step":"embed"`) || strings.Contains(r.Body, "private") {
		t.Errorf("got %d %s, want 503 in step embed", r.StatusCode, r.Body)
	}
}

var calls = []apigwtest.Call{
	{Method: "GET", Resource: "/documents/{document_id}", DocumentID: "a"},
	{Method: "GET", Resource: "/documents"},
	{Method: "POST", Resource: "/retrieve", Body: `{"query":"a"}`},
}

// Whatever an event claims to be, it reads no documents but its caller's own.
func TestForgedEvents(t *testing.T) {
	f := &fakes{documents: []rag.Document{{ID: "a"}}}
	apigwtest.Forged(t, calls, func(from config.Tenancy) apigw.Func { return newHandler(f, f, from, nil) }, f.takeTenants)
}

func TestAnyEvent(t *testing.T) {
	f := &fakes{documents: []rag.Document{{ID: "a"}}}
	apigwtest.AnyEvent(t, calls, func(from config.Tenancy) apigw.Func { return newHandler(f, f, from, nil) }, f.takeTenants)
}
