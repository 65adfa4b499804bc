package rag

import "strings"

// merge joins passages that are adjacent chunks of one document. A joined passage has the
// place, the score and the ranks of the best of its passages. Text that two chunks share
// is in it once; where they share none, a blank line is between them.
func merge(passages []Passage) []Passage {
	type place struct {
		document string
		chunk    int
	}
	at := map[place]int{}
	for i, p := range passages {
		at[place{p.DocumentID, p.Chunk}] = i
	}
	var out []Passage
	taken := make([]bool, len(passages))
	for i, best := range passages {
		if taken[i] {
			continue
		}
		from := place{best.DocumentID, best.Chunk}
		for prior := (place{from.document, from.chunk - 1}); contains(at, prior); prior.chunk-- {
			from = prior
		}
		joined := best
		joined.Chunk = from.chunk
		joined.Chunks = 0
		joined.Text = ""
		joined.Words = nil
		for next := from; contains(at, next); next.chunk++ {
			p := passages[at[next]]
			taken[at[next]] = true
			joined.Chunks++
			joined.Words = union(joined.Words, p.Words)
			if next == from {
				joined.Text = p.Text
			} else {
				joined.Text = joinOverlap(joined.Text, p.Text)
			}
		}
		out = append(out, joined)
	}
	return out
}

func contains[K comparable, V any](m map[K]V, k K) bool {
	_, ok := m[k]
	return ok
}

func union(a, b []string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, s := range append(append([]string{}, a...), b...) {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// joinOverlap appends a chunk's text to its predecessor's, without what it repeats.
func joinOverlap(before, text string) string {
	for n := min(len(before), len(text)); n >= shortestRepeat; n-- {
		if strings.HasSuffix(before, text[:n]) {
			return before + text[n:]
		}
	}
	return before + "\n\n" + text
}

// shortestRepeat is shorter than any overlap of chunks, and longer than what two texts share
// by chance, in bytes.
const shortestRepeat = 8
