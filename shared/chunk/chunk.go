// Package chunk cuts a text into chunks fit for embedding.
//
// Chunks are measured in tokens of cl100k_base, the encoding of OpenAI's
// embedding models. They end at headings where they can, else at paragraphs,
// then sentences, words, and inside a word only where nothing else is left.
package chunk

import (
	"iter"
	"slices"
)

// Options tune Split; the zero value is what documents are put with. Changing
// a default changes the chunks of every document put again, and so costs new
// embeddings.
type Options struct {
	// Target is how many tokens of new text a chunk aims at; 0 means 400. A
	// chunk may end up to half of it earlier for the sake of a better border.
	Target int
	// Overlap is how many tokens of its predecessor a chunk repeats at the
	// most; 0 means 60, a negative number none. It is held to half of Target.
	Overlap int
	// Limit is how many tokens a chunk has at the most, all included; 0 means
	// Target + Overlap + 52: room for a heading, or for a short end of the
	// document that would make a poor chunk of its own. It is at least 8, since
	// one character may be several tokens, and Target is held to it.
	Limit int
}

// Chunk is a piece of a text.
type Chunk struct {
	Text string // the text's bytes from Start to End; no white space at either side, never empty
	// Context has what stands above the chunk, a line each: the headings that it is
	// under, as "## Heading", and the header of the table that it begins within. It
	// takes a quarter of Limit at the most: the outermost headings are left out first.
	Context string
	Tokens  int // Count(WithContext(Context, Text))
	// Start and End are byte offsets in the text, on borders of characters.
	// They ascend from chunk to chunk, both of them. The next chunk's Start may
	// lie before this one's End (the overlap); where it lies after, only white
	// space is between them.
	Start, End int
}

// Split cuts a text into chunks, in order; a text of white space gives none.
// It takes up to a second a megabyte; All does the same a chunk at a time, for
// callers who may have to stop.
// The same text and options give the same chunks.
//
// Together the chunks cover all of the text but white space. A chunk starts
// with its heading rather than leave it at the end of its predecessor: a
// Markdown heading ends a chunk only where it ends the document, or where the
// heading, or headings one after the other, or white space beneath it fill a
// chunk alone. A chunk that starts with a heading repeats nothing.
//
// The text should be valid UTF-8. In any other, an invalid byte is a character.
func Split(text string, o Options) []Chunk { return slices.Collect(All(text, o)) }

// All gives the chunks of Split, one by one, as they are cut.
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
	slack          = 52 // what makes the default Limit 512
	contextShare   = 4  // of the Limit, one part is the context's at the most
	minLimit       = 8  // a character has at most 4 tokens: one a byte
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
