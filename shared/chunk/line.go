package chunk

import "strings"

// kind is what a line is in Markdown, as far as borders need to know.
type kind int

const (
	plain     kind = iota
	heading        // "# Heading", or a line with an underline beneath
	underline      // === or --- beneath a heading
	item           // of a list, a table or a quotation: a border as good as a sentence's
	fenceOpen      // ``` or ~~~
	fenceClose
	code // between them, where "# no heading" may stand
)

// prose reports whether full stops end sentences in the line.
func (k kind) prose() bool { return k == plain || k == item }

// lineLevel is the level of the border between two lines with words in them.
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
		return word // a line wrapped anywhere
	}
}

// startLine finds the kind of the line that starts at lineAt, white space
// included, and whose first word is at pos.
func (s *scanner) startLine(lineAt int, blank bool) {
	before := s.kind
	s.line = s.pos
	text, rest, _ := strings.Cut(s.text[s.pos:], "\n")
	// Four columns of indent make code, or carry on a list item, whose inner
	// headings and fences are not looked for.
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

// isUnderline reports whether a text's first line makes a heading of the line
// before. Only headings of one line are looked for.
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

// fenceMark is the run of marks that a line opens or shuts a code block with.
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

// isItem reports whether a line is a list item, a table row or quoted.
func isItem(line string) bool {
	if line[0] == '|' || line[0] == '>' {
		return true
	}
	n := 0
	for n < len(line) && n < 9 && '0' <= line[n] && line[n] <= '9' {
		n++
	}
	if n == len(line) || n == 0 && strings.IndexByte("-*+", line[n]) < 0 || n > 0 && strings.IndexByte(".)", line[n]) < 0 {
		return false
	}
	n++
	return n == len(line) || strings.IndexByte(" \t\r", line[n]) >= 0
}
