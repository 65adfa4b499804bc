package chunk

import (
	"iter"
	"strings"
)

// Sentence is a sentence, a list item without a full stop, a row of a table, a line of
// code, or a heading.
type Sentence struct {
	Text    string // with the marks of Markdown; never empty, no white space at either side
	Heading bool
}

// Sentences returns a text's sentences in their order, as Split sees them. Together they
// cover all of the text but white space.
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
