package chunk

import "strings"

// outline knows what stands above a place in the text: the headings that it is
// under, and the header of the table that it is in. Places are asked for in
// ascending order.
type outline struct {
	found    []landmark // by the scanner, and not passed yet; ascending
	headings []landmark // that hold at the place that was asked for last, the outermost first
	table    string     // header of the table there, "" for none
}

// landmark is a heading, the begin of a table or its end.
type landmark struct {
	start int
	depth int    // of a heading, 1 to 6; else 0
	text  string // of a heading, without marks; of a table, its first two lines; "" at its end, or where it is too long to repeat
}

// longestContext is how many bytes of a heading, or of a table's header, are
// repeated at the most.
const longestContext = 512

func (o *outline) add(l landmark) {
	if len(l.text) > longestContext {
		l.text = ""
	}
	o.found = append(o.found, l)
}

// advance goes to a place.
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
		o.closeSections(o.found[0].depth) // a heading is not under its sibling
	}
}

// closeSections ends the sections that a heading of this depth ends.
func (o *outline) closeSections(depth int) {
	for len(o.headings) > 0 && o.headings[len(o.headings)-1].depth >= depth {
		o.headings = o.headings[:len(o.headings)-1]
	}
}

// context is what stands above a place, of at most so many tokens: the header of
// its table, and as many headings as there is room for, the innermost first.
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

// separator is between a chunk's context and its text.
const separator = "\n\n"

// WithContext returns a chunk's text with its context above it: what is embedded and
// counted.
func WithContext(context, text string) string {
	if context == "" {
		return text
	}
	return context + separator + text
}

// updateOutline tells the outline of the line that the scanner has just begun, whose text is
// given, and what follows it.
func (s *scanner) updateOutline(line, rest string, blank bool) {
	inTable := s.kind == item && line[0] == '|'
	switch {
	case inTable && s.inTable && !blank: // goes on
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

// isDelimiter reports whether a line is what parts a table's header from its rows.
func isDelimiter(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "|") && strings.Contains(line, "-") && strings.Trim(line, "|-: \t") == ""
}
