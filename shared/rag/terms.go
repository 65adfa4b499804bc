package rag

import (
	"unicode/utf8"

	"ragtime/shared/words"
)

// A word counts whole, and by its first three, four and five characters: inflected
// forms of a word begin alike in most languages, and the longer the prefix that two
// words share, the likelier they are forms of one. Measured, this does more than a
// stemmer did, and needs no language's endings.
const (
	shortestPrefix = 3 // characters
	longestPrefix  = 5
)

// The weights of terms. A whole word and a pair of characters weigh 1.
const (
	prefixWeight    = 0.6
	neighborWeight  = 0.6  // two words beside one another, compared by their heads
	characterWeight = 0.25 // a character of a script without spaces
)

// terms are what a query's passages are searched for, numbered from 0.
type terms struct {
	weights []float64      // by a term's number
	wordOf  []int          // by a term's number: the word of words that a passage with it has, or none
	words   []string       // the query's, folded, each once
	numbers map[string]int // of words

	// A term's number, by what a passage has.
	heads      map[string]int // a word's shortest prefix, or all of a word that is shorter
	wholes     map[string]int // words that are not shorter
	prefixes   map[string]int // the longer ones
	pairs      map[string]int // of characters
	characters map[rune]int
	followers  [][]follower // by the number of the head before

	others map[string][]int // a passage's word to the numbers of its terms without its head: see otherTerms
}

// follower is the head of a word that follows another, and the number of the term
// that both are.
type follower struct{ head, term int }

// none is the number of no term and of no word.
const none = -1

func newTerms(query string) *terms {
	t := &terms{
		numbers:    map[string]int{},
		heads:      map[string]int{},
		wholes:     map[string]int{},
		prefixes:   map[string]int{},
		pairs:      map[string]int{},
		characters: map[rune]int{},
		others:     map[string][]int{},
	}
	before := none
	for run := range words.Runs(query) {
		if run.Unspaced {
			t.addPhrase(run.Text)
			before = none
			continue
		}
		head := t.addWord(run.Text)
		if before != none && t.neighbors(before, head) == none {
			t.followers[before] = append(t.followers[before], follower{head, t.add(neighborWeight, none)})
		}
		before = head
	}
	return t
}

// neighbors returns the term of two words beside one another, or none.
func (t *terms) neighbors(before, head int) int {
	for _, f := range t.followers[before] {
		if f.head == head {
			return f.term
		}
	}
	return none
}

// add adds a term and returns its number.
func (t *terms) add(weight float64, word int) int {
	t.weights = append(t.weights, weight)
	t.wordOf = append(t.wordOf, word)
	t.followers = append(t.followers, nil)
	return len(t.weights) - 1
}

// addTo returns the number of the key's term, which it adds if the map has none.
func addTo[K comparable](t *terms, in map[K]int, key K, weight float64, word int) int {
	n, ok := in[key]
	if !ok {
		n = t.add(weight, word)
		in[key] = n
	}
	return n
}

func (t *terms) addWord(word []byte) (head int) {
	number := t.numberOf(word)
	end := prefixEnds(word)
	if end[shortestPrefix] == 0 {
		return addTo(t, t.heads, string(word), 1, number)
	}
	head = addTo(t, t.heads, string(word[:end[shortestPrefix]]), prefixWeight, none)
	addTo(t, t.wholes, string(word), 1, number)
	for n := shortestPrefix + 1; n <= longestPrefix && end[n] > 0; n++ {
		addTo(t, t.prefixes, string(word[:end[n]]), prefixWeight, number)
	}
	return head
}

func (t *terms) addPhrase(run []byte) {
	for pair := range words.Pairs(run) {
		addTo(t, t.pairs, string(pair), 1, t.numberOf(pair))
	}
	word := none
	if utf8.RuneCount(run) == 1 {
		word = t.numberOf(run)
	}
	for _, c := range string(run) {
		addTo(t, t.characters, c, characterWeight, word)
	}
}

// numberOf returns the number of one of the query's words, which it adds if it is new.
func (t *terms) numberOf(word []byte) int {
	n, ok := t.numbers[string(word)]
	if !ok {
		n = len(t.words)
		t.numbers[string(word)] = n
		t.words = append(t.words, string(word))
	}
	return n
}

func (t *terms) len() int { return len(t.weights) }

// prefixEnds returns where the first n characters of a word end, in bytes, or 0 if it has
// fewer.
func prefixEnds(word []byte) (end [longestPrefix + 1]int) {
	at := 0
	for n := 1; n <= longestPrefix && at < len(word); n++ {
		_, size := utf8.DecodeRune(word[at:])
		at += size
		end[n] = at
	}
	return end
}

// headOf returns the shortest prefix of a word, or all of a word that is shorter.
func headOf(word []byte) []byte {
	at := 0
	for n := 0; n < shortestPrefix && at < len(word); n++ {
		size := 1
		if word[at] >= utf8.RuneSelf {
			_, size = utf8.DecodeRune(word[at:])
		}
		at += size
	}
	return word[:at]
}

// count adds to counts how often a text has each term. It returns how many words and
// pairs of characters the text has in all.
func (t *terms) count(text string, counts []int) (all int) {
	before := none
	for run := range words.Runs(text) {
		if run.Unspaced {
			all += t.countPhrase(run.Text, counts)
			before = none
			continue
		}
		all++
		head := t.countWord(run.Text, counts)
		if before != none && head != none {
			if n := t.neighbors(before, head); n != none {
				counts[n]++
			}
		}
		before = head
	}
	return all
}

func (t *terms) countWord(word []byte, counts []int) (head int) {
	head, ok := t.heads[string(headOf(word))]
	if !ok {
		return none // the query has no other term of it either
	}
	counts[head]++
	others, ok := t.others[string(word)]
	if !ok {
		others = t.otherTerms(word)
		t.others[string(word)] = others
	}
	for _, n := range others {
		counts[n]++
	}
	return head
}

// otherTerms returns the terms of a word but its head.
func (t *terms) otherTerms(word []byte) (out []int) {
	if n, ok := t.wholes[string(word)]; ok {
		out = append(out, n)
	}
	end := prefixEnds(word)
	for n := shortestPrefix + 1; n <= longestPrefix && end[n] > 0; n++ {
		if term, ok := t.prefixes[string(word[:end[n]])]; ok {
			out = append(out, term)
		}
	}
	return out
}

func (t *terms) countPhrase(run []byte, counts []int) (all int) {
	for pair := range words.Pairs(run) {
		all++
		c, _ := utf8.DecodeRune(pair)
		if _, ok := t.characters[c]; !ok {
			continue // the query has no pair that begins so
		}
		if n, ok := t.pairs[string(pair)]; ok {
			counts[n]++
		}
	}
	for i := 0; i < len(run); {
		c, size := utf8.DecodeRune(run[i:])
		i += size
		if n, ok := t.characters[c]; ok {
			counts[n]++
		}
	}
	return all
}

// found returns the query's words that counts has, whole or by four letters or more, in
// the query's order, folded.
func (t *terms) found(counts []int) []string {
	has := make([]bool, len(t.words))
	for n, often := range counts {
		if often > 0 && t.wordOf[n] != none {
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
