package chunk

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// level says how good a border is as the end of a chunk; higher is better.
type level int

const (
	inHeading    level = iota // between the words of a heading
	afterHeading              // right after a heading, which should stay with the text below it
	word                      // between two words
	sentence                  // after a sentence, a list item, a table row, a line of code
	paragraph                 // after a paragraph
	section                   // before a heading, and at the end of the text
)

// border is a place between two words, with white space or nothing between them.
type border struct {
	end     int // of the first word, in bytes from the text's begin
	start   int // of the second word
	level   level
	heading bool // the second word is part of a heading
}

// scanner finds a text's borders and its outline, in order, in one pass.
type scanner struct {
	text    string
	pos     int  // start of the next word
	started bool // next was called

	// Of the line that the word at pos is in.
	line        int    // start of its first word
	kind        kind   // of the line
	fence       string // that opened the code block around the line; "" outside of one
	underlineAt int    // start of the line that underlines the heading in this line
	inTable     bool   // the line is a row of a table

	outline outline
}

// next returns the next border; false after the last one. The first is at the start of
// the first word, the last at the end of the text.
func (s *scanner) next() (border, bool) {
	if s.pos == len(s.text) && s.started {
		return border{}, false
	}
	b := border{end: s.pos}
	wordAt := s.pos
	if s.started {
		var stop bool
		b.end, stop = s.skipWord()
		if stop {
			s.pos = b.end
			b.start = b.end
			b.level = sentence
			return s.markHeading(b), true
		}
	}
	lines := 0
	lineAt := b.end
	for b.start = b.end; b.start < len(s.text); {
		r, n := utf8.DecodeRuneInString(s.text[b.start:])
		if !unicode.IsSpace(r) {
			break
		}
		b.start += n
		if r == '\n' {
			lines++
			lineAt = b.start
		}
	}
	s.pos = b.start
	switch {
	case b.start == len(s.text):
		s.started = true
		b.level = section
		return b, true
	case !s.started:
		s.started = true
		s.startLine(lineAt, true)
		b.level = section
	case lines > 0:
		before := s.kind
		s.startLine(lineAt, lines > 1)
		b.level = lineLevel(before, s.kind, lines > 1)
		if b.level == word && s.endsSentence(wordAt, b) {
			b.level = sentence
		}
	case s.kind.prose() && s.endsSentence(wordAt, b):
		b.level = sentence
	default:
		b.level = word
	}
	return s.markHeading(b), true
}

// markHeading sets a border's heading and, between two words of a heading, its level.
func (s *scanner) markHeading(b border) border {
	b.heading = s.kind == heading || s.kind == underline
	if b.heading && (b.start != s.line || s.kind == underline) {
		b.level = inHeading
	}
	return b
}

// skipWord returns the end of the word at pos. stop tells that a sentence ends there
// without white space, as in Chinese and Japanese. An ASCII full stop does not end one
// so, since numbers and names have it.
func (s *scanner) skipWord() (end int, stop bool) {
	for i := s.pos; i < len(s.text); {
		r, n := utf8.DecodeRuneInString(s.text[i:])
		if unicode.IsSpace(r) {
			return i, false
		}
		i += n
		if r < utf8.RuneSelf || !isTerminal(r) {
			continue
		}
		for i < len(s.text) {
			r, n := utf8.DecodeRuneInString(s.text[i:])
			if !isClosing(r) && !isTerminal(r) {
				return i, !unicode.IsSpace(r)
			}
			i += n
		}
	}
	return len(s.text), false
}

// abbreviations are followed by a full stop that ends no sentence. Those that often end
// one, such as "etc" and "inc", are not listed.
var abbreviations = []string{
	"approx", "cf", "dept", "dr", "fig", "jr", "mr", "mrs", "ms", "no", "prof", "rev", "sr", "st", "vs",
}

// isTerminal reports whether a character ends sentences, in any script. The two Khmer
// characters have the property since Unicode 16, and Go has Unicode 15.
func isTerminal(r rune) bool {
	return unicode.Is(unicode.Sentence_Terminal, r) || r == '។' || r == '៕'
}

// isClosing reports whether a character is a bracket or a quotation mark that may follow
// the end of a sentence and belong to it. Opening marks count too, since some languages
// close with them.
func isClosing(r rune) bool {
	return strings.ContainsRune("\"'*_", r) || unicode.In(r, unicode.Pe, unicode.Pf, unicode.Pi)
}

// endsSentence reports whether the word at wordAt ends a sentence at a border.
func (s *scanner) endsSentence(wordAt int, b border) bool {
	w := strings.TrimRightFunc(s.text[wordAt:b.end], isClosing)
	last, _ := utf8.DecodeLastRuneInString(w)
	if last != '.' {
		return last == '…' || isTerminal(last)
	}
	w = strings.TrimSuffix(w, ".")
	if r, _ := utf8.DecodeRuneInString(s.text[b.start:]); unicode.IsLower(r) {
		return false
	}
	w = strings.TrimLeft(w, "\"'([{*_«“‘")
	// "1. Then", "J. Smith", "8 a.m. Monday"
	const longest = 16 // a longer word is no abbreviation
	return wordAt != s.line && (len(w) > longest ||
		utf8.RuneCountInString(w) > 1 && !strings.Contains(w, ".") && !slices.Contains(abbreviations, strings.ToLower(w)))
}
