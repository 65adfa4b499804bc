package rag

import (
	"unicode/utf8"

	"ragtime/shared/words"
)

// prefixLength is the length in characters of the part of a longer word that counts
// as a term of its own: inflected forms of a word begin alike in most languages.
// Measured, it does more for German than a stemmer did for English, with no
// language's endings.
const prefixLength = 4

// terms are what a query's passages are searched for. A word is two terms, itself and
// its beginning; a phrase of a script without spaces is its pairs of characters,
// and its characters.
type terms struct {
	whole, part map[string]int // to the term's number
	words       []string       // the query's, folded, each once
	wordOf      []int          // by a term's number: which word a passage with it has; -1 for a character
}

func newTerms(query string) *terms {
	t := &terms{whole: map[string]int{}, part: map[string]int{}}
	t.each(query, func(in map[string]int, term, word []byte) {
		if _, ok := in[string(term)]; ok {
			return
		}
		in[string(term)] = len(t.wordOf)
		tells := -1
		if len(word) > 0 {
			if len(t.words) == 0 || t.words[len(t.words)-1] != string(word) {
				t.words = append(t.words, string(word))
			}
			tells = len(t.words) - 1
		}
		t.wordOf = append(t.wordOf, tells)
	})
	return t
}

func (t *terms) len() int { return len(t.wordOf) }

// each calls f with each term of a text, the map it belongs in, and the word that it
// tells of, which is empty for one character of many.
func (t *terms) each(text string, f func(in map[string]int, term, word []byte)) {
	for run := range words.Runs(text) {
		if !run.Unspaced {
			f(t.whole, run.Text, run.Text)
			if n := prefixBytes(run.Text); n < len(run.Text) {
				f(t.part, run.Text[:n], run.Text)
			}
			continue
		}
		for pair := range words.Pairs(run.Text) {
			f(t.whole, pair, pair)
		}
		for i, n := 0, 0; i < len(run.Text); i += n {
			if _, n = utf8.DecodeRune(run.Text[i:]); n < len(run.Text) {
				f(t.part, run.Text[i:i+n], nil)
			}
		}
	}
}

func prefixBytes(word []byte) (bytes int) {
	for range prefixLength {
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
	has := make([]bool, len(t.words))
	for n, often := range counts {
		if often > 0 && t.wordOf[n] >= 0 {
			has[t.wordOf[n]] = true
		}
	}
	out := []string{}
	for i, word := range t.words {
		if has[i] {
			out = append(out, word)
		}
	}
	return out
}
