package rag

import (
	"slices"
	"unicode/utf8"

	"ragtime/shared/words"
)

// beginning is the length in characters of the part of a longer word that counts
// as a term of its own: inflected forms of a word begin alike in most languages.
// Measured, it does more for German than a stemmer did for English, with no
// language's endings.
const beginning = 4

// terms are what a query's passages are searched for. A word is two terms, itself and
// its beginning; a phrase of a script without spaces is its pairs of characters,
// and its characters.
type terms struct {
	whole, part map[string]int // to the term's number
	names       []string       // by number; "" for a part, which is not told
	wholeOf     []int          // by number: of a part, the first word that has it, else itself
}

func newTerms(query string) *terms {
	t := &terms{whole: map[string]int{}, part: map[string]int{}}
	t.each(query, func(in map[string]int, term []byte, whole []byte) {
		if _, ok := in[string(term)]; ok {
			return
		}
		n := len(t.names)
		in[string(term)] = n
		if whole == nil {
			t.names = append(t.names, string(term))
			t.wholeOf = append(t.wholeOf, n)
			return
		}
		t.names = append(t.names, "")
		t.wholeOf = append(t.wholeOf, t.whole[string(whole)])
	})
	return t
}

func (t *terms) len() int { return len(t.names) }

// each calls f with each term of a text and the map it belongs in, and with the
// word or pair that it is a part of.
func (t *terms) each(text string, f func(in map[string]int, term, whole []byte)) {
	for run := range words.Runs(text) {
		if !run.Dense {
			f(t.whole, run.Text, nil)
			if n := begin(run.Text); n < len(run.Text) {
				f(t.part, run.Text[:n], run.Text)
			}
			continue
		}
		for pair := range words.Pairs(run.Text) {
			f(t.whole, pair, nil)
			if _, n := utf8.DecodeRune(pair); n < len(pair) {
				f(t.part, pair[:n], pair)
			}
		}
	}
}

func begin(word []byte) (bytes int) {
	for range beginning {
		if bytes == len(word) {
			return bytes
		}
		_, n := utf8.DecodeRune(word[bytes:])
		bytes += n
	}
	return bytes
}

// count adds up how often a text has each term, and gives how many terms it has
// in all.
func (t *terms) count(text string, counts []int) (all int) {
	t.each(text, func(in map[string]int, term, _ []byte) {
		all++
		if n, ok := in[string(term)]; ok {
			counts[n]++
		}
	})
	return all
}

// found gives the query's words that counts has, or whose beginnings it has, in
// the query's order, folded.
func (t *terms) found(counts []int) []string {
	var numbers []int
	for n, often := range counts {
		if often > 0 && (t.names[n] != "" || utf8.RuneCountInString(t.names[t.wholeOf[n]]) > beginning) {
			numbers = append(numbers, t.wholeOf[n])
		}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = t.names[n]
	}
	return out
}
