package rag

import (
	"strings"
	"unicode"

	"ragtime/shared/words"
)

// Span is a part of a text, by its bytes.
type Span struct{ Start, End int }

// Marks gives the parts of a passage's text for which it has its Words, in order.
// No two of them touch.
func Marks(text string, found []string) []Span {
	t := newTerms(strings.Join(found, " "))
	counts := make([]int, t.len())
	var out []Span
	mark := func(start, end int) {
		clear(counts)
		t.count(text[start:end], counts)
		if len(t.found(counts)) == 0 {
			return
		}
		if last := len(out) - 1; last >= 0 && start <= out[last].End {
			out[last].End = end
			return
		}
		out = append(out, Span{start, end})
	}
	for run := range words.Runs(text) {
		if !run.Unspaced {
			mark(run.Start, run.End)
			continue
		}
		// A pair of characters matches, so each is looked at with the one after it.
		starts := characters(text, run.Start, run.End)
		for i := 0; i+2 < len(starts); i++ {
			mark(starts[i], starts[i+2])
		}
		if len(starts) == 2 {
			mark(run.Start, run.End)
		}
	}
	return out
}

// characters gives where each letter of a run starts, and its end. The marks that
// follow a letter are part of it.
func characters(text string, start, end int) []int {
	var starts []int
	for i, r := range text[start:end] {
		if i == 0 || !unicode.Is(unicode.M, r) {
			starts = append(starts, start+i)
		}
	}
	return append(starts, end)
}
