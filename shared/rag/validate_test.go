package rag

import (
	"errors"
	"math"
	"strings"
	"testing"

	"ragtime/shared/fault"
	"ragtime/shared/metadata"
)

// wantField checks that err is Invalid for the field; "" wants no error.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("got error %v, want none", err)
		}
		return
	}
	got, ok := errors.AsType[*fault.Error](err)
	if !ok || got.Kind != fault.Invalid || got.Field != field {
		t.Errorf("got error %#v, want invalid for field %q", err, field)
	}
}

func TestInput(t *testing.T) {
	type edit func(*Input)
	for _, test := range []struct {
		name  string
		edit  edit
		field string
	}{
		{"good", func(in *Input) {}, ""},
		{"no id", func(in *Input) { in.ID = "" }, "document_id"},
		{"longest id", func(in *Input) { in.ID = strings.Repeat("x", 128) }, ""},
		{"id too long", func(in *Input) { in.ID = strings.Repeat("x", 129) }, "document_id"},
		{"every character of ids", func(in *Input) { in.ID = "AZaz09._~-" }, ""},
		{"id .", func(in *Input) { in.ID = "." }, "document_id"},
		{"id ..", func(in *Input) { in.ID = ".." }, "document_id"},
		{"id ...", func(in *Input) { in.ID = "..." }, ""},
		{"id with /", func(in *Input) { in.ID = "a/b" }, "document_id"},
		{"id with #", func(in *Input) { in.ID = "a#b" }, "document_id"},
		{"id with é", func(in *Input) { in.ID = "é" }, "document_id"},
		{"id of no UTF-8", func(in *Input) { in.ID = "\xff" }, "document_id"},
		{"no text", func(in *Input) { in.Text = "" }, "text"},
		{"white text", func(in *Input) { in.Text = " \n\t\u2003" }, "text"},
		{"text too long", func(in *Input) { in.Text = strings.Repeat("x", MaxText+1) }, "text"},
		{"damaged text", func(in *Input) { in.Text = "a\xff" }, "text"},
		{"text damaged before", func(in *Input) { in.Text = "a\ufffd" }, "text"},
		{"NUL in text", func(in *Input) { in.Text = "a\x00" }, "text"},
		{"no title", func(in *Input) { in.Title = "" }, ""},
		{"longest title", func(in *Input) { in.Title = strings.Repeat("界", 500) }, ""},
		{"title too long", func(in *Input) { in.Title = strings.Repeat("t", 501) }, "title"},
		{"damaged title", func(in *Input) { in.Title = "\ufffd" }, "title"},
		{"no collection", func(in *Input) { in.Collection = "" }, ""},
		{"bad collection", func(in *Input) { in.Collection = "a b" }, "collection"},
		{"collection too long", func(in *Input) { in.Collection = strings.Repeat("c", 129) }, "collection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := Input{ID: "a", Text: "text", Title: "title", Collection: "c"}
			test.edit(&in)
			s, e := &store{}, &embedder{}
			_, err := Embed(t.Context(), "t", in, e, s)
			wantField(t, err, test.field)
			if err != nil && len(s.calls)+len(e.sent) > 0 {
				t.Errorf("got calls %v and %d texts sent for bad input, want none", s.calls, len(e.sent))
			}
		})
	}
	for field, m := range map[string]metadata.Map{
		"":           {"k": metadata.String("v"), "n": metadata.Bool(true)},
		"metadata":   {"": metadata.String("v")},
		"metadata.k": {"k": metadata.String("\x00")},
	} {
		_, err := Embed(t.Context(), "t", Input{ID: "a", Text: "text", Metadata: m}, &embedder{}, &store{})
		wantField(t, err, field)
	}
	// The longest text is checked without chunking it.
	if err := (Input{ID: "a", Text: strings.Repeat("x", MaxText)}).validate(); err != nil {
		t.Errorf("got error %v for the longest text, want none", err)
	}
}

func TestQuery(t *testing.T) {
	least := func(x float64) *float64 { return &x }
	for _, test := range []struct {
		name  string
		edit  func(*Query)
		field string
	}{
		{"good", func(q *Query) {}, ""},
		{"no text", func(q *Query) { q.Text = "" }, "query"},
		{"white text", func(q *Query) { q.Text = " \n" }, "query"},
		{"damaged text", func(q *Query) { q.Text = "a\ufffd" }, "query"},
		{"NUL in text", func(q *Query) { q.Text = "a\x00" }, "query"},
		{"longest text", func(q *Query) { q.Text = strings.Repeat(" word", MaxQuery) }, ""},
		{"text of a token too many", func(q *Query) { q.Text = strings.Repeat(" word", MaxQuery+1) }, "query"},
		{"text of too many bytes", func(q *Query) { q.Text = strings.Repeat("x", maxQueryBytes+1) }, "query"},
		{"top_k 0", func(q *Query) { q.TopK = 0 }, "top_k"},
		{"top_k -1", func(q *Query) { q.TopK = -1 }, "top_k"},
		{"top_k 1", func(q *Query) { q.TopK = 1 }, ""},
		{"top_k 100", func(q *Query) { q.TopK = 100 }, ""},
		{"top_k 101", func(q *Query) { q.TopK = 101 }, "top_k"},
		{"min_score -1", func(q *Query) { q.MinScore = least(-1) }, ""},
		{"min_score 1", func(q *Query) { q.MinScore = least(1) }, ""},
		{"min_score below", func(q *Query) { q.MinScore = least(-1.01) }, "min_score"},
		{"min_score above", func(q *Query) { q.MinScore = least(1.01) }, "min_score"},
		{"min_score infinite", func(q *Query) { q.MinScore = least(math.Inf(1)) }, "min_score"},
		{"min_score no number", func(q *Query) { q.MinScore = least(math.NaN()) }, "min_score"},
		{"bad document", func(q *Query) { q.Filter.DocumentID = "a b" }, "filter.document_id"},
		{"bad collection", func(q *Query) { q.Filter.Collection = "a b" }, "filter.collection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := Query{Text: "text", TopK: 5}
			test.edit(&q)
			s, e := &store{}, &embedder{}
			_, err := Retrieve(t.Context(), "t", q, e, s)
			wantField(t, err, test.field)
			if err != nil && len(s.calls)+len(e.sent) > 0 {
				t.Errorf("got calls %v and %d texts sent for a bad query, want none", s.calls, len(e.sent))
			}
		})
	}
}

func TestIDAndLimit(t *testing.T) {
	s := &store{}
	_, err := Get(t.Context(), "t", "a/b", s)
	wantField(t, err, "document_id")
	wantField(t, Delete(t.Context(), "t", "", s), "document_id")
	for limit, field := range map[int]string{-1: "limit", 0: "limit", 1: "", 100: "", 101: "limit"} {
		page, err := List(t.Context(), "t", limit, "", s)
		wantField(t, err, field)
		if err == nil && (len(page.Documents) != 1 || page.Cursor != "next") {
			t.Errorf("limit %d: got page %v, want the store's", limit, page)
		}
	}
}
