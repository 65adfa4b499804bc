package chunk

import "strings"

// outline has the headings above a place in the text, and the header of the table that the
// place is in. It must be asked about places in ascending order.
type outline struct {
	found    []landmark // after the place that was asked about last, ascending
	headings []landmark // above that place, the outermost first
	table    string     // header of the table there; "" outside of one
}

// landmark is a heading, the start of a table, or the end of one.
type landmark struct {
	start int
	depth int // of a heading, 1 to 6; 0 for a table
	// text is a heading without its marks, or the two lines of a table's header. It is ""
	// at a table's end, and where it is longer than longestContext.
	text string
}

// longestContext is the longest heading, or header of a table, that chunks repeat, in
// bytes.
const longestContext = 512

func (o *outline) add(l landmark) {
	if len(l.text) > longestContext {
		l.text = ""
	}
	o.found = append(o.found, l)
}

// advance moves to a place.
func (o *outline) advance(at int) {
	for len(o.found) > 0 && o.found[0].start < at {
		l := o.found[0]
		o.found = o.found[1:]
		if l.depth == 0 {
			o.table = l.text
			continue
		}
		o.table = ""
		o.closeSections(l.depth)
		o.headings = append(o.headings, l)
	}
	if len(o.found) > 0 && o.found[0].start == at && o.found[0].depth > 0 {
		o.closeSections(o.found[0].depth) // the place is a heading, which is not below its sibling
	}
}

// closeSections removes the headings whose sections a heading of this depth ends.
func (o *outline) closeSections(depth int) {
	for len(o.headings) > 0 && o.headings[len(o.headings)-1].depth >= depth {
		o.headings = o.headings[:len(o.headings)-1]
	}
}

// context is the header of the table at a place, and the headings above it, within so many
// tokens. Where there are too many headings, the outermost are left out.
func (o *outline) context(at, tokens int) string {
	o.advance(at)
	out := ""
	add := func(line string) bool {
		with := line
		if out != "" {
			with += "\n" + out
		}
		if Count(with+separator) > tokens {
			return false
		}
		out = with
		return true
	}
	if o.table != "" {
		add(o.table)
	}
	for i := len(o.headings) - 1; i >= 0; i-- {
		if h := o.headings[i]; h.text != "" && !add(strings.Repeat("#", h.depth)+" "+h.text) {
			break
		}
	}
	return out
}

// separator stands between a chunk's context and its text.
const separator = "\n\n"

// WithContext returns a chunk's text with its context above it: what is embedded and
// counted.
func WithContext(context, text string) string {
	if context == "" {
		return text
	}
	return context + separator + text
}

// updateOutline adds what the scanner's current line is to the outline: a heading, or the
// start or end of a table. rest is the text after the line.
func (s *scanner) updateOutline(line, rest string, blank bool) {
	inTable := s.kind == item && line[0] == '|'
	switch {
	case inTable && s.inTable && !blank: // the same table
	case inTable:
		delimiter, _, _ := strings.Cut(rest, "\n")
		header := ""
		if isDelimiter(delimiter) {
			header = strings.TrimSpace(line) + "\n" + strings.TrimSpace(delimiter)
		}
		s.outline.add(landmark{start: s.pos, text: header})
	case s.inTable:
		s.outline.add(landmark{start: s.pos - 1})
	}
	s.inTable = inTable
	if s.kind != heading {
		return
	}
	depth := len(line) - len(strings.TrimLeft(line, "#"))
	text := strings.TrimSpace(line[depth:])
	if depth > 0 {
		if closed := strings.TrimRight(text, "#"); closed == "" || strings.HasSuffix(closed, " ") {
			text = strings.TrimSpace(closed) // "## Heading ##"
		}
	} else if depth = 2; strings.HasPrefix(strings.TrimLeft(rest, " "), "=") {
		depth = 1
	}
	s.outline.add(landmark{start: s.pos, depth: depth, text: text})
}

// isDelimiter reports whether a line is the one between a table's header and its rows.
func isDelimiter(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "|") && strings.Contains(line, "-") && strings.Trim(line, "|-: \t") == ""
}
