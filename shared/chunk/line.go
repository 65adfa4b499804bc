package chunk

import "strings"

// kind is the kind of a line in Markdown, as far as it matters for borders.
type kind int

const (
	plain     kind = iota
	heading        // "# Heading", or a line that is underlined
	underline      // === or --- beneath a heading
	item           // of a list, a table or a quotation
	fenceOpen      // ``` or ~~~
	fenceClose
	code // between the fences: "# this" is no heading there
)

// prose reports whether full stops end sentences in the line.
func (k kind) prose() bool { return k == plain || k == item }

// lineLevel is the level of the border between two lines that are not blank. blank tells
// that blank lines are between them.
func lineLevel(before, after kind, blank bool) level {
	switch {
	case after == underline:
		return inHeading
	case before == heading || before == underline:
		return afterHeading
	case after == heading:
		return section
	case before == fenceOpen || after == fenceClose:
		return word // a fence belongs with its code
	case before == code || after == code:
		return sentence
	case blank || before == fenceClose || after == fenceOpen:
		return paragraph
	case after == item:
		return sentence
	default:
		return word // inside a wrapped paragraph
	}
}

// startLine sets the state for the line that starts at lineAt and whose first word is at
// pos. blank tells that a blank line is before it.
func (s *scanner) startLine(lineAt int, blank bool) {
	before := s.kind
	s.line = s.pos
	text, rest, _ := strings.Cut(s.text[s.pos:], "\n")
	// Four columns of indent mean code, or the next line of a list item. Headings and
	// fences inside of list items are not looked for.
	indent := s.text[lineAt:s.pos]
	deep := len(indent) > 3 || strings.ContainsRune(indent, '\t')
	switch mark := fenceMark(text); {
	case s.fence != "":
		s.kind = code
		if !deep && strings.HasPrefix(mark, s.fence) && strings.TrimSpace(text[len(mark):]) == "" {
			s.kind, s.fence = fenceClose, ""
		}
	case deep:
		s.kind = plain
		if isItem(text) {
			s.kind = item
		}
	case mark != "":
		s.kind, s.fence = fenceOpen, mark
	case s.underlineAt == lineAt && lineAt > 0:
		s.kind = underline
	case isHeading(text):
		s.kind = heading
	case isItem(text):
		s.kind = item
	case (blank || before != plain) && isUnderline(rest):
		s.kind = heading
		s.underlineAt = s.pos + len(text) + 1
	default:
		s.kind = plain
	}
	s.updateOutline(text, rest, blank)
}

// isHeading reports whether a line is a heading of 1 to 6 marks.
func isHeading(line string) bool {
	n := 0
	for n < len(line) && n < 7 && line[n] == '#' {
		n++
	}
	return 1 <= n && n <= 6 && (n == len(line) || strings.IndexByte(" \t\r", line[n]) >= 0)
}

// isUnderline reports whether a text's first line makes the line before it a heading.
// Headings of several lines are not looked for.
func isUnderline(text string) bool {
	i := 0
	for i < len(text) && i < 3 && text[i] == ' ' {
		i++
	}
	text = text[i:]
	if text == "" || text[0] != '=' && text[0] != '-' {
		return false
	}
	n := 1
	for n < len(text) && text[n] == text[0] {
		n++
	}
	for n < len(text) && strings.IndexByte(" \t\r", text[n]) >= 0 {
		n++
	}
	return n == len(text) || text[n] == '\n'
}

// fenceMark is the run of backticks or tildes by which a line opens or closes a code
// block; "" where it does neither.
func fenceMark(line string) string {
	if line == "" || line[0] != '`' && line[0] != '~' {
		return ""
	}
	n := 1
	for n < len(line) && line[n] == line[0] {
		n++
	}
	if n < 3 || line[0] == '`' && strings.IndexByte(line[n:], '`') >= 0 {
		return ""
	}
	return line[:n]
}

// isItem reports whether a line is a list item, a table row or a quotation.
func isItem(line string) bool {
	if line[0] == '|' || line[0] == '>' {
		return true
	}
	n := 0
	for n < len(line) && n < 9 && '0' <= line[n] && line[n] <= '9' {
		n++
	}
	marks := "-*+"
	if n > 0 {
		marks = ".)"
	}
	if n == len(line) || strings.IndexByte(marks, line[n]) < 0 {
		return false
	}
	n++
	return n == len(line) || strings.IndexByte(" \t\r", line[n]) >= 0
}
