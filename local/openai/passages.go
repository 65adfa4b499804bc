package openai

import (
	"regexp"
	"strconv"
	"strings"

	"ragtime/shared/chunk"
)

// inquiry is a question and the passages to answer it from.
type inquiry struct {
	question string
	passages []passage
}

type passage struct {
	number int
	title  string
	text   string
}

// passageStart is a passage's first line: <passage NUMBER SEAL>. Its last one is
// </passage NUMBER SEAL>.
var passageStart = regexp.MustCompile(`^<passage (\d+) (\S+)>$`)

// readPassages takes passages and question out of a message. The first passage's seal is
// every passage's; a line with another one is a passage's text, whatever it says.
// What stands after the last passage, or after its line "Question:", is the question.
func readPassages(message string) inquiry {
	var out inquiry
	var seal, closing string
	var text, outside []string
	number := 0
	for line := range strings.SplitSeq(message, "\n") {
		switch found := passageStart.FindStringSubmatch(line); {
		case closing != "" && line == closing:
			out.passages = append(out.passages, newPassage(number, text))
			closing, text, outside = "", nil, nil
		case closing != "":
			text = append(text, line)
		case found != nil && (seal == "" || found[2] == seal):
			seal = found[2]
			number, _ = strconv.Atoi(found[1])
			closing = "</passage " + found[1] + " " + seal + ">"
		default:
			outside = append(outside, line)
		}
	}
	out.question = strings.TrimSpace(strings.Join(outside, "\n"))
	out.question = strings.TrimSpace(strings.TrimPrefix(out.question, "Question:"))
	return out
}

func newPassage(number int, lines []string) passage {
	p := passage{number: number}
	if len(lines) > 0 {
		if title, ok := strings.CutPrefix(lines[0], "Title: "); ok {
			p.title, lines = title, lines[1:]
		}
	}
	p.text = strings.Join(lines, "\n")
	return p
}

// statement is what an answer may quote.
type statement struct {
	passage int    // index
	text    string // without the marks of Markdown, on one line
	about   string // the text with title, heading and the statements before and after it
}

// statements cuts passages into statements. What several passages share, since
// they overlap, is of the first one.
func statements(passages []passage) (out []statement) {
	known := map[string]bool{}
	for i, p := range passages {
		heading, before := "", ""
		add := func(text string) {
			if text != "" && !known[text] {
				known[text] = true
				if n := len(out); before != "" && n > 0 {
					out[n-1].about += "\n" + text
				}
				out = append(out, statement{i, text, strings.Join([]string{p.title, heading, before, text}, "\n")})
				before = text
			}
		}
		var t table
		var prose strings.Builder
		finish := func() {
			add(t.end())
			for s := range chunk.Sentences(prose.String()) {
				if s.Heading {
					heading, before = plainText(s.Text), ""
					continue
				}
				add(plainText(s.Text))
			}
			prose.Reset()
		}
		for line := range strings.Lines(p.text) {
			if cells, ok := row(strings.TrimSpace(line)); ok {
				if prose.Len() > 0 {
					finish()
				}
				add(t.next(cells))
				continue
			}
			add(t.end())
			prose.WriteString(line)
		}
		finish()
	}
	return out
}

// row reads a row of a table. The one of dashes below the columns' names is nil.
func row(text string) (cells []string, ok bool) {
	if !strings.HasPrefix(text, "|") {
		return nil, false
	}
	if strings.Trim(text, "|:- ") == "" {
		return nil, true
	}
	for cell := range strings.SplitSeq(strings.Trim(text, "| "), "|") {
		cells = append(cells, plainText(cell))
	}
	return cells, true
}

// table is a table that is being read. A passage may begin in its middle, where
// there are no names of columns.
type table struct {
	columns []string
	first   []string // names of columns, if dashes follow
}

// next takes a row, and gives a statement that is complete, if any.
func (t *table) next(cells []string) string {
	switch {
	case cells == nil:
		t.columns, t.first = t.first, nil
		return ""
	case t.columns == nil:
		statement := t.end()
		t.first = cells
		return statement
	}
	return joinRow(t.columns, cells)
}

// end gives what is left at the table's end.
func (t *table) end() string {
	statement := joinRow(nil, t.first)
	*t = table{}
	return statement
}

// joinRow writes a row as a statement: "Tier: 2; Gold PPO: $15."
func joinRow(columns, cells []string) string {
	var out []string
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		if i < len(columns) && columns[i] != "" {
			cell = columns[i] + ": " + cell
		}
		out = append(out, cell)
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, "; ") + "."
}

// marks of Markdown at a line's begin.
var lineMarks = regexp.MustCompile(`^(#{1,6}\s+|>\s*|[-*+]\s+|\d+[.)]\s+)+`)

// plainText is a text on one line without the marks of Markdown. Brackets become
// parentheses: in an answer they would be markers.
func plainText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = lineMarks.ReplaceAllString(text, "")
	text = strings.NewReplacer("**", "", "__", "", "`", "", "[", "(", "]", ")", "\x7f", "").Replace(text)
	return strings.TrimSpace(text)
}
