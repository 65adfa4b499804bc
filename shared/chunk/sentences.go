package chunk

import (
	"iter"
	"strings"
)

// Sentence is a sentence of a text, or what stands for one: a list item without a
// full stop, a row of a table, a line of code, a heading.
type Sentence struct {
	Text    string // the text's bytes, with the marks of Markdown; no white space at either side, never empty
	Heading bool
}

// Sentences gives a text's sentences in their order, as Split sees them. Together
// they are all of the text but white space.
func Sentences(text string) iter.Seq[Sentence] {
	return func(yield func(Sentence) bool) {
		s := scanner{text: text}
		from, _ := s.next()
		for from.start < len(text) {
			b, ok := s.next()
			for ok && (b.level == word || b.level == inHeading) {
				b, ok = s.next()
			}
			if !yield(Sentence{strings.TrimSpace(text[from.start:b.end]), from.heading}) {
				return
			}
			from = b
		}
	}
}
