package chunk

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// level says how good a place is to end a chunk; higher is better.
type level int

const (
	inHeading    level = iota // between the words of a heading
	afterHeading              // right after a heading, which belongs with what follows
	word
	sentence // also between list items, table rows and lines of code
	paragraph
	section // before a heading, and at the end
)

// border is a place between two words: the first ends at end, the second starts
// at start, and what is between them is white space.
type border struct {
	end, start int
	level      level
	heading    bool // what starts here is part of a heading
}

// scanner finds a text's borders, in order, in one pass and constant memory, and
// tells the outline of headings and tables.
type scanner struct {
	text    string
	pos     int // start of the word to pass next
	started bool

	line        int // start of the line's first word
	kind        kind
	fence       string // what opened the code block that the line is in
	underlineAt int    // start of a line that underlines a heading, if past pos

	outline outline
	inTable bool // the line is a row of a table
}

// next gives the next border. The first is where the text's first word starts,
// the last is at the text's end; after it there is none.
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

// markHeading marks a border whose line is a heading.
func (s *scanner) markHeading(b border) border {
	b.heading = s.kind == heading || s.kind == underline
	if b.heading && (b.start != s.line || s.kind == underline) {
		b.level = inHeading
	}
	return b
}

// skipWord is where the word at pos ends, and whether it does so because a
// sentence does without white space, as in Chinese and Japanese. A full stop of
// ASCII does not: it is in numbers and names.
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

// abbreviations end in a full stop that ends no sentence. Not listed are those
// that often end one, such as "etc" and "inc".
var abbreviations = map[string]bool{
	"dr": true, "mr": true, "mrs": true, "ms": true, "prof": true, "st": true, "vs": true, "no": true,
	"fig": true, "cf": true, "approx": true, "dept": true, "rev": true, "sr": true, "jr": true,
}

// isTerminal reports whether a character ends sentences, in any script. Khmer's two
// have that property since Unicode 16; Go has Unicode 15.
func isTerminal(r rune) bool {
	return unicode.Is(unicode.Sentence_Terminal, r) || r == '។' || r == '៕'
}

// isClosing reports whether a character may follow a sentence's end and belong to it:
// a bracket or quotation mark. Some languages close with what others open with.
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
	const longest = 16 // no longer word is one of these
	return wordAt != s.line && (len(w) > longest ||
		utf8.RuneCountInString(w) > 1 && !strings.Contains(w, ".") && !abbreviations[strings.ToLower(w)])
}
