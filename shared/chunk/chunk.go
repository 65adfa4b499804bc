// Package chunk cuts a text into chunks fit for embedding.
//
// Chunks are measured in tokens of cl100k_base, the encoding of OpenAI's embedding
// models. A chunk ends before a heading if one is near, else after a paragraph, else
// after a sentence, else after a word, and inside a word only where it must.
package chunk

import (
	"iter"
	"slices"
)

// Options tune Split. Documents are put with the zero value. A changed default changes
// the chunks of every document that is put again, which costs new embeddings.
type Options struct {
	// Target is how many tokens of new text a chunk should have; 0 means 400. A chunk
	// may have down to half of that, to end at a better border.
	Target int
	// Overlap is how many tokens of its predecessor a chunk may repeat; 0 means 60, a
	// negative number none. It is at most half of Target.
	Overlap int
	// Limit is how many tokens a chunk may have in all; 0 means Target + Overlap + 52.
	// The 52 are for a heading, or for a document's last words, which would make a poor
	// chunk of their own. Limit is at least 8, since one character may be several
	// tokens, and Target is at most Limit.
	Limit int
}

// Chunk is a piece of a text.
type Chunk struct {
	Text string // the text's bytes from Start to End; no white space at either side, never empty
	// Context has the headings above the chunk, as "## Heading", and the header of the
	// table that the chunk begins in, a line each. It may take a quarter of Limit; where
	// it would take more, the outermost headings are left out.
	Context string
	Tokens  int // Count(WithContext(Context, Text))
	// Start and End are offsets in the text, in bytes, between two characters. Both
	// ascend from chunk to chunk. The next chunk starts before this one's End where they
	// overlap; otherwise only white space is between them.
	Start, End int
}

// Split cuts a text into chunks, in order. A text of white space has none. The same text
// and options always give the same chunks. Split takes up to a second for a megabyte; a
// caller who may have to stop uses All.
//
// Together the chunks cover all of the text but white space. A Markdown heading is in
// one chunk with the text below it. It ends a chunk only at the end of the document, or
// where headings and the white space below them fill a chunk alone. A chunk that starts
// with a heading repeats nothing.
//
// The text should be valid UTF-8. An invalid byte counts as a character.
func Split(text string, o Options) []Chunk { return slices.Collect(All(text, o)) }

// All returns the chunks that Split returns, and cuts each one when it is asked for.
func All(text string, o Options) iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {
		s := splitter{text: text, o: o.withDefaults(), scan: scanner{text: text}, meter: meter{text: text}}
		first, _ := s.scan.next()
		for begin, at := first.start, first.start; at < len(text); {
			c, border := s.cut(begin, at)
			if !yield(c) {
				return
			}
			begin, at = s.repeatFrom(c.Start, border), border.start
			s.forget(begin)
		}
	}
}

const (
	defaultTarget  = 400
	defaultOverlap = 60
	slack          = 52 // so that the default Limit is 512
	contextShare   = 4  // the context may take one of so many parts of Limit
	minLimit       = 8  // a character has at most 4 tokens, one a byte
)

func (o Options) withDefaults() Options {
	if o.Target <= 0 {
		o.Target = defaultTarget
	}
	if o.Overlap == 0 {
		o.Overlap = defaultOverlap
	}
	o.Overlap = max(0, min(o.Overlap, o.Target/2))
	if o.Limit <= 0 {
		o.Limit = o.Target + o.Overlap + slack
	}
	o.Limit = max(o.Limit, minLimit)
	o.Target = min(o.Target, o.Limit)
	o.Overlap = min(o.Overlap, o.Target/2)
	return o
}
