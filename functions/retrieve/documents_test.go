package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/apigw"
	"ragtime/shared/fault"
	"ragtime/shared/metadata"
	"ragtime/shared/rag"
)

var stored = rag.Document{
	ID:         "a",
	Version:    "v1",
	Title:      "T",
	Collection: "c",
	Metadata:   metadata.Map{"k": metadata.String("v")},
	Chunks:     3,
	UpdatedAt:  time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC),
}

var shown = document{
	DocumentID: "a",
	Status:     "ready",
	Version:    "v1",
	Title:      "T",
	Collection: "c",
	Metadata:   metadata.Map{"k": metadata.String("v")},
	Chunks:     3,
	UpdatedAt:  "2026-11-24T09:30:00Z",
}

func TestGet(t *testing.T) {
	f := &fakes{documents: []rag.Document{stored}}
	e := request("GET", "/documents/{document_id}", "")
	e.PathParameters = map[string]string{"document_id": "a"}
	r := send(t, f, e)
	var got document
	if err := json.Unmarshal([]byte(r.Body), &got); r.StatusCode != 200 || err != nil {
		t.Fatalf("got %d %s", r.StatusCode, r.Body)
	}
	if d := cmp.Diff(shown, got); d != "" {
		t.Errorf("document (-want +got):\n%s", d)
	}
	if want := []string{"get account:123456789012 a"}; !cmp.Equal(want, f.calls) {
		t.Errorf("got calls %v, want %v", f.calls, want)
	}
	f.err = fault.New(fault.NotFound, "no such document")
	if r := send(t, f, e); r.StatusCode != 404 || r.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("got %d %s, want a problem 404", r.StatusCode, r.Body)
	}
}

func TestGetRefused(t *testing.T) {
	for _, id := range []string{"", "..", "a%2F" + marker, "%2e%2e", "a%00", "%zz", "%ff", strings.Repeat("a", 129)} {
		t.Run(id, func(t *testing.T) {
			f := &fakes{}
			e := request("GET", "/documents/{document_id}", "")
			e.PathParameters = map[string]string{"document_id": id}
			wantProblem(t, f, send(t, f, e), 400, "document_id")
		})
	}
}

func TestList(t *testing.T) {
	tests := []struct {
		name  string
		world fakes
		want  string
	}{
		{"none", fakes{}, `{"documents":[]}`},
		{"last page", fakes{documents: []rag.Document{stored}}, `{"documents":[` + text(t, shown) + `]}`},
		{"one of many", fakes{documents: []rag.Document{stored}, next: "n"}, `{"documents":[` + text(t, shown) + `],"cursor":"n"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := request("GET", "/documents", "")
			e.QueryStringParameters = map[string]string{"limit": "100", "cursor": "c"}
			r := send(t, &tt.world, e)
			if d := cmp.Diff(tt.want, r.Body); d != "" || r.StatusCode != 200 {
				t.Errorf("got %d (-want +got):\n%s", r.StatusCode, d)
			}
			if want := []string{"list account:123456789012 c"}; !cmp.Equal(want, tt.world.calls) {
				t.Errorf("got calls %v, want %v", tt.world.calls, want)
			}
		})
	}
}

func text(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestListRefused(t *testing.T) {
	tests := []struct{ name, value, field string }{
		{"limit", "0", "limit"},
		{"limit", "101", "limit"},
		{"limit", "-1", "limit"},
		{"limit", "", "limit"},
		{"limit", "1.5", "limit"},
		{"limit", marker, "limit"},
		{"limit", "99999999999999999999", "limit"},
		{"offset", marker, "offset"},
		{"tenant", marker, "tenant"},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			f := &fakes{}
			e := request("GET", "/documents", "")
			e.QueryStringParameters = map[string]string{tt.name: tt.value}
			wantProblem(t, f, send(t, f, e), 400, tt.field)
		})
	}
}

// Documents and passages can be within all limits and yet together be larger than what
// a function may return. The answer then has fewer of them, and says so.
func TestAnswersFit(t *testing.T) {
	big := metadata.Map{}
	for i := range 20 {
		big[strings.Repeat("k", 60)+fmt.Sprint(i)] = metadata.String(strings.Repeat("\x01", 512))
	}
	f := &fakes{}
	for i := range 100 {
		id := fmt.Sprintf("doc-%02d", i)
		f.documents = append(f.documents, rag.Document{ID: id, Version: "1-1", Title: strings.Repeat("<", 500), Metadata: big})
		f.passages = append(f.passages, rag.Passage{
			DocumentID: id,
			Text:       strings.Repeat("<\x02", 900) + id,
			Title:      strings.Repeat("<", 500),
			Metadata:   big,
			Score:      0.5,
		})
	}
	r := send(t, f, request("POST", "/retrieve", `{"query":"what?","top_k":100}`))
	var found retrieveAnswer
	if err := json.Unmarshal([]byte(r.Body), &found); err != nil ||
		r.StatusCode != 200 ||
		len(found.Passages) == 0 ||
		len(found.Passages) == 100 ||
		!found.Incomplete {
		t.Errorf("got %d, %d passages, incomplete %t and error %v; want fewer than 100, and that said", r.StatusCode, len(found.Passages), found.Incomplete, err)
	}
	r = send(t, f, request("GET", "/documents", ""))
	var listed listAnswer
	if err := json.Unmarshal([]byte(r.Body), &listed); err != nil || r.StatusCode != 200 || len(listed.Documents) == 0 {
		t.Errorf("got %d, %d documents and error %v; want some", r.StatusCode, len(listed.Documents), err)
	}
	for _, reply := range []any{found, listed} {
		if !apigw.Fits(reply) {
			t.Errorf("%T does not fit into what a function may return", reply)
		}
	}
}
