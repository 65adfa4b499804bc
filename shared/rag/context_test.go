package rag

import (
	"strings"
	"testing"

	"ragtime/shared/chunk"
)

// A chunk from the middle of a section is embedded with its headings; its text has none. With
// another heading it has another hash.
func TestEmbedUnderHeadings(t *testing.T) {
	text := func(heading string) string {
		return "# Plans\n\n## " + heading + "\n\n" + strings.Repeat("The plan pays for one visit a year. ", 100)
	}
	s, e := &store{}, &embedder{model: "m"}
	if _, err := Embed(t.Context(), "t", Input{ID: "a", Text: text("Dentists")}, e, s); err != nil {
		t.Fatal(err)
	}
	last := s.chunks[len(s.chunks)-1]
	const context = "# Plans\n## Dentists"
	if len(s.chunks) < 2 ||
		last.Context != context ||
		strings.Contains(last.Text, "Dentists") ||
		s.chunks[0].Context != "" {
		t.Fatalf("got %d chunks, the last %+v", len(s.chunks), last)
	}
	whole := context + "\n\n" + last.Text
	if sent := e.sent[len(e.sent)-1]; sent != whole || last.Tokens != chunk.Count(whole) {
		t.Errorf("embedded %q, want %q; %d tokens, want %d", sent, whole, last.Tokens, chunk.Count(whole))
	}
	e.sent = nil
	out, err := Embed(t.Context(), "t", Input{ID: "a", Text: text("Doctors")}, e, s)
	if err != nil || out.Reused != 0 {
		t.Errorf("under another heading: got %+v and error %v, want every chunk embedded", out, err)
	}
}

// A passage has the words of its headings. Equal rows of two tables are two passages.
func TestRankByContext(t *testing.T) {
	found := []Passage{
		{DocumentID: "a", Text: "It is open from nine to five.", Context: "# Bakery", Score: 0.5},
		{DocumentID: "b", Text: "It is open from nine to five.", Context: "# Library", Score: 0.49},
		{DocumentID: "c", Text: "It is open from nine to five.", Context: "# Library", Score: 0.48},
	}
	got := Rank("when does the library open?", found, Fused)
	if len(got) != 2 || got[0].DocumentID != "b" || got[0].WordRank != 1 {
		t.Errorf("got %+v, want b first, then a", got)
	}
}
