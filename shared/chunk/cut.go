package chunk

import (
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// splitter has the state of one Split. It looks ahead no further than the next chunk may
// reach, so its memory does not grow with the text.
type splitter struct {
	text  string
	o     Options // with defaults
	scan  scanner
	meter meter
	ahead []border // found and not forgotten; only the last may be out of the chunk's reach
}

// cut makes the next chunk, and returns it with the border at its end. The chunk starts at
// begin, and its new text at at: what is between them, it repeats.
func (s *splitter) cut(begin, at int) (Chunk, border) {
	// The meter is not exact, but the limit is. So a chunk that is too long is cut again
	// with fewer tokens; without the overlap, once that takes too much of them; in the
	// end with a single character, which always fits.
	context := s.scan.outline.context(begin, s.o.Limit/contextShare)
	limit := s.o.Limit - Count(context)
	for maxTokens := limit; ; maxTokens = maxTokens * 7 / 8 {
		if begin < at && (maxTokens < s.o.Limit/2 || s.meter.reach(begin, maxTokens) <= at) {
			begin = at
			context = s.scan.outline.context(begin, s.o.Limit/contextShare)
			limit = s.o.Limit - Count(context)
			maxTokens = limit
		}
		b := s.choose(begin, at, maxTokens)
		text := s.text[begin:b.end]
		if n := Count(WithContext(context, text)); n <= s.o.Limit || maxTokens == 0 {
			return Chunk{
				Text:    text,
				Context: context,
				Tokens:  n,
				Start:   begin,
				End:     b.end,
			}, b
		}
	}
}

// choose picks the border at which the chunk ends. It may have about maxTokens tokens.
func (s *splitter) choose(begin, at, maxTokens int) border {
	if maxTokens == 0 {
		return s.inWord(at+1, at)
	}
	maxEnd := s.meter.reach(begin, maxTokens)
	targetEnd := min(maxEnd, s.meter.reach(at, s.o.Target))
	minEnd := min(targetEnd, s.meter.reach(at, s.o.Target/2))
	s.load(maxEnd)

	const none = level(-1)
	// The candidates: the best border from minEnd to targetEnd, the best one before, the
	// first one after, and the best one after or inside a heading.
	unset := border{level: none}
	good, early, late, poor := unset, unset, unset, unset
	last := border{start: at} // the last one within reach
	for _, b := range s.ahead {
		if b.start <= at {
			last.heading = b.heading
			continue
		}
		if b.end > maxEnd {
			break
		}
		if b.start == len(s.text) {
			return b
		}
		last = b
		switch {
		case b.level <= afterHeading:
			if b.end <= targetEnd && b.level >= poor.level || poor.level == none {
				poor = b
			}
		case b.end <= minEnd:
			if b.level >= early.level {
				early = b
			}
		case b.end <= targetEnd:
			if b.level >= good.level {
				good = b
			}
		case late.level == none:
			late = b
		}
	}
	for _, b := range []border{good, early, late} {
		if b.level != none {
			return b
		}
	}
	// Only two ends are left: after or inside a heading, and inside a word that follows a
	// heading or is longer than a chunk.
	end := targetEnd
	if end <= last.start {
		end = maxEnd
	}
	if poor.level == none || end > last.start && (!last.heading || last.start <= minEnd) {
		return s.inWord(end, last.start)
	}
	return poor
}

// load finds borders up to the first one after maxEnd.
func (s *splitter) load(maxEnd int) {
	for len(s.ahead) == 0 || s.ahead[len(s.ahead)-1].end <= maxEnd {
		b, ok := s.scan.next()
		if !ok {
			return
		}
		s.ahead = append(s.ahead, b)
	}
}

// inWord makes a border inside the word that starts at or before floor: at about end, but
// at least one character after floor. It does not cut a grapheme cluster (UAX #29), which
// is drawn as one character: a letter with its accents, an Indic conjunct, a Korean
// syllable, a flag, an emoji of several parts.
func (s *splitter) inWord(end, floor int) border {
	p := runeStart(s.text, min(end, len(s.text)))
	const longest = 128 // bytes of a cluster; a longer one, of endless accents, is cut
	from := max(floor, runeStart(s.text, max(0, p-longest)))
	// A cluster that starts at or before p may end past it.
	clusters := graphemes.FromString(s.text[from:min(len(s.text), p+longest)])
	best := floor
	for clusters.Next() && from+clusters.End() <= p {
		best = from + clusters.End()
	}
	if best > floor {
		return border{end: best, start: best}
	}
	if p <= floor {
		_, n := utf8.DecodeRuneInString(s.text[floor:])
		p = floor + n
	}
	return border{end: p, start: p}
}

// repeatFrom is where the chunk after a border starts: at the border, or up to Overlap
// tokens before it. It starts at the nearest heading in there, else at the first
// sentence, else at the first word.
func (s *splitter) repeatFrom(begin int, b border) int {
	if b.level == section || s.o.Overlap == 0 {
		return b.start
	}
	from, best := b.start, level(-1)
	for i := len(s.ahead) - 1; i >= 0; i-- {
		c := s.ahead[i]
		if c.start >= b.start || c.level == inHeading {
			continue
		}
		if c.start <= begin || s.meter.reach(c.start, s.o.Overlap) < b.end {
			break
		}
		if c.heading {
			return c.start
		}
		l := min(c.level, sentence)
		if l == afterHeading {
			l = sentence // the first sentence of a section, whose heading is too far away
		}
		if l >= best {
			from, best = c.start, l
		}
	}
	return from
}

// forget frees what the chunk that starts at begin, and those after it, do not need.
func (s *splitter) forget(begin int) {
	s.meter.forget(begin)
	i := 0
	for i < len(s.ahead) && s.ahead[i].start <= begin {
		i++
	}
	// One border before it stays, since it tells whether the chunk starts inside a heading.
	i = max(0, i-1)
	s.ahead = append(s.ahead[:0], s.ahead[i:]...)
}
