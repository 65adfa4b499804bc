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

// passageStart matches a passage's first line, <passage NUMBER SEAL>. Its last line is
// </passage NUMBER SEAL>.
var passageStart = regexp.MustCompile(`^<passage (\d+) (\S+)>$`)

// readPassages reads the passages and the question of a message. All passages have the
// seal of the first one. A line with another seal is text, so a passage cannot forge
// its own end. What stands after the last passage, without a leading "Question:", is
// the question.
func readPassages(message string) inquiry {
	var out inquiry
	var seal, closing string
	var text, outside []string
	number := 0
	for line := range strings.SplitSeq(message, "\n") {
		switch found := passageStart.FindStringSubmatch(line); {
		case closing != "" && line == closing:
			out.passages = append(out.passages, newPassage(number, text))
			closing = ""
			text = nil
			outside = nil // what stood before a passage is no question
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
			p.title = title
			lines = lines[1:]
		}
	}
	p.text = strings.Join(lines, "\n")
	return p
}

// statement is a sentence or a table's row that an answer may quote.
type statement struct {
	passage int    // the index of its passage
	text    string // without the marks of Markdown, on one line
	about   string // the text with title, heading and the statements before and after it
}

// statements cuts passages into statements. Passages may overlap: a statement that
// several have belongs to the first one.
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
				about := strings.Join([]string{p.title, heading, before, text}, "\n")
				out = append(out, statement{i, text, about})
				before = text
			}
		}
		var t table
		var prose strings.Builder
		finish := func() {
			add(t.end())
			for s := range chunk.Sentences(prose.String()) {
				if s.Heading {
					heading = plainText(s.Text)
					before = ""
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

// row reads the cells of a table's row. ok is false for a line that is no row. The row
// of dashes below the columns' names has nil cells.
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

// table is a table while it is read. A passage may begin in the middle of a table; then
// there are no names of columns.
type table struct {
	columns []string
	first   []string // a row that has the names of columns if dashes follow
}

// next reads a row. It returns a statement that is complete; "" if none.
func (t *table) next(cells []string) string {
	switch {
	case cells == nil:
		t.columns = t.first
		t.first = nil
		return ""
	case t.columns == nil:
		statement := t.end()
		t.first = cells
		return statement
	}
	return joinRow(t.columns, cells)
}

// end ends the table. It returns the statement that is left; "" if none.
func (t *table) end() string {
	statement := joinRow(nil, t.first)
	*t = table{}
	return statement
}

// joinRow returns a row as a statement: "Tier: 2; Gold PPO: $15."
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

// lineMarks matches the marks of Markdown at the beginning of a line.
var lineMarks = regexp.MustCompile(`^(#{1,6}\s+|>\s*|[-*+]\s+|\d+[.)]\s+)+`)

// plainText returns a text on one line, without the marks of Markdown. Brackets become
// parentheses, since in an answer they would be markers of passages.
func plainText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = lineMarks.ReplaceAllString(text, "")
	text = strings.NewReplacer("**", "", "__", "", "`", "", "[", "(", "]", ")", "\x7f", "").Replace(text)
	return strings.TrimSpace(text)
}
