package chunk

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// checkChunks checks that chunks are what Split promises.
func checkChunks(t *testing.T, text string, o Options, chunks []Chunk) {
	t.Helper()
	o = o.withDefaults()
	valid := utf8.ValidString(text)
	covered, started := 0, -1
	for i, c := range chunks {
		if c.Start < 0 || c.End > len(text) || c.Start >= c.End {
			t.Fatalf("chunk %d of %d: range %d to %d of %d bytes", i, len(chunks), c.Start, c.End, len(text))
		}
		if c.Text != text[c.Start:c.End] {
			t.Errorf("chunk %d: text %.80q, want %.80q", i, c.Text, text[c.Start:c.End])
		}
		if strings.TrimSpace(c.Text) != c.Text {
			t.Errorf("chunk %d: white space at a side of %.80q", i, c.Text)
		}
		if valid && !utf8.ValidString(c.Text) {
			t.Errorf("chunk %d: a character was cut in %.80q", i, c.Text)
		}
		if n := Count(WithContext(c.Context, c.Text)); c.Tokens != n || n > o.Limit {
			t.Errorf("chunk %d: got %d tokens, counted %d, limit %d", i, c.Tokens, n, o.Limit)
		}
		if n := Count(c.Context); n > o.Limit/contextShare {
			t.Errorf("chunk %d: the context has %d tokens of %d", i, n, o.Limit)
		}
		if c.Start <= started || c.End <= covered {
			t.Fatalf("chunk %d: %d to %d does not advance from start %d, end %d", i, c.Start, c.End, started, covered)
		}
		if c.Start > covered {
			if lost := strings.TrimSpace(text[covered:c.Start]); lost != "" {
				t.Errorf("before chunk %d: lost %.80q", i, lost)
			}
		} else if i > 0 {
			// The meter may be a little off where the overlap cuts a token.
			if n := Count(text[c.Start:covered]); n > o.Overlap+4 {
				t.Errorf("chunk %d: repeats %d tokens, want at most %d", i, n, o.Overlap)
			}
		}
		covered, started = c.End, c.Start
	}
	if lost := strings.TrimSpace(text[covered:]); lost != "" {
		t.Errorf("after the last chunk: lost %.80q", lost)
	}
}

func texts(chunks []Chunk) []string {
	var out []string
	for _, c := range chunks {
		out = append(out, c.Text)
	}
	return out
}

func TestSplitBorders(t *testing.T) {
	// Short words of one token each, so that a chunk's words are its tokens.
	words := func(n int) string { return "One" + strings.Repeat(" one", n-1) }
	tests := []struct {
		name string
		text string
		o    Options
		want []string
	}{
		{"empty", "", Options{}, nil},
		{"white space", " \n\t\u00a0\u3000\r\n", Options{}, nil},
		{"trimmed", "\n\n  A word. \n", Options{}, []string{"A word."}},
		{"short text is one chunk", "# Title\n\nText.\n", Options{}, []string{"# Title\n\nText."}},
		{
			"heading before paragraph before sentence",
			"# A\n\n" + words(8) + ".\n\n" + words(3) + ". " + words(2) + ".\n\n## B\n\n" + words(12) + ".",
			Options{Target: 22, Overlap: -1, Limit: 24},
			[]string{"# A\n\n" + words(8) + ".\n\n" + words(3) + ". " + words(2) + ".", "## B\n\n" + words(12) + "."},
		},
		{
			"paragraph before sentence",
			words(6) + ". " + words(6) + ".\n\n" + words(4) + ". " + words(9) + ".",
			Options{Target: 20, Overlap: -1, Limit: 20},
			[]string{words(6) + ". " + words(6) + ".", words(4) + ". " + words(9) + "."},
		},
		{
			"sentence before word",
			words(7) + ". " + words(7) + ".",
			Options{Target: 12, Overlap: -1, Limit: 12},
			[]string{words(7) + ".", words(7) + "."},
		},
		{
			"word",
			words(20),
			Options{Target: 8, Overlap: -1, Limit: 8},
			[]string{words(8), words(8)[4:] + " one", words(4)[4:] + " one"},
		},
		{
			"overlap of whole sentences",
			words(7) + ". " + words(3) + ". " + words(7) + ".",
			Options{Target: 12, Overlap: 5, Limit: 17},
			[]string{words(7) + ". " + words(3) + ".", words(3) + ". " + words(7) + "."},
		},
		{
			"heading goes with what follows",
			words(9) + ".\n\n# B\n\n" + words(9) + ".",
			Options{Target: 13, Overlap: 4, Limit: 16},
			[]string{words(9) + ".", "# B\n\n" + words(9) + "."},
		},
		{
			"headings in a row go together",
			words(9) + ".\n\n# B\n## C\n\n" + words(9) + ".",
			Options{Target: 15, Overlap: 4, Limit: 17},
			[]string{words(9) + ".", "# B\n## C\n\n" + words(9) + "."},
		},
		{
			"underlined heading",
			words(9) + ".\n\nBee\n---\n\n" + words(9) + ".",
			Options{Target: 14, Overlap: 4, Limit: 17},
			[]string{words(9) + ".", "Bee\n---\n\n" + words(9) + "."},
		},
		{
			"no heading in a code block",
			"```\n" + words(9) + "\n# B\n```\n\n" + words(6) + ".",
			Options{Target: 20, Overlap: -1, Limit: 20},
			[]string{"```\n" + words(9) + "\n# B\n```", words(6) + "."},
		},
		{
			"heading at the end",
			words(9) + ".\n\n# End\n",
			Options{Target: 20},
			[]string{words(9) + ".\n\n# End"},
		},
		{
			"a heading goes with a word that must be cut",
			"# B\n\n" + strings.Repeat("x", 64),
			Options{Target: 8, Overlap: -1, Limit: 8},
			[]string{"# B\n\n" + strings.Repeat("x", 40), strings.Repeat("x", 24)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Split(tt.text, tt.o)
			checkChunks(t, tt.text, tt.o, got)
			if diff := cmp.Diff(texts(got), tt.want); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}

func TestBorderLevels(t *testing.T) {
	type at struct {
		Word  string
		Level level
	}
	tests := []struct {
		name, text string
		want       []at
	}{
		{"sentences", "Go on. Stop! Why? (Yes.) No",
			[]at{{"Go", section}, {"on.", word}, {"Stop!", sentence}, {"Why?", sentence}, {"(Yes.)", sentence}, {"No", sentence}, {"", section}}},
		{"no sentence ends", "See Dr. Wu, e.g. Al, J. Lo or so. then",
			[]at{{"See", section}, {"Dr.", word}, {"Wu,", word}, {"e.g.", word}, {"Al,", word}, {"J.", word}, {"Lo", word}, {"or", word}, {"so.", word}, {"then", word}, {"", section}}},
		{"list", "List:\n- one two\n2. Three",
			[]at{{"List:", section}, {"-", sentence}, {"one", word}, {"two", word}, {"2.", sentence}, {"Three", word}, {"", section}}},
		{"wrapped lines", "one\ntwo end.\nNext",
			[]at{{"one", section}, {"two", word}, {"end.", word}, {"Next", sentence}, {"", section}}},
		{"seven marks", "a\n\n####### b", []at{{"a", section}, {"#######", paragraph}, {"b", word}, {"", section}}},
		{"no space", "a\n\n#b", []at{{"a", section}, {"#b", paragraph}, {"", section}}},
		{"heading", "a\n # b c\nd\n\n#\n", []at{{"a", section}, {"#", section}, {"b", inHeading}, {"c", inHeading}, {"d", afterHeading}, {"#", section}, {"", section}}},
		{"indented", "a\n\n    # b", []at{{"a", section}, {"#", paragraph}, {"b", word}, {"", section}}},
		{"fences", "~~~ go\n# a. B\n```\n~~~~\n# b",
			[]at{{"~~~", section}, {"go", word}, {"#", word}, {"a.", word}, {"B", word}, {"```", sentence}, {"~~~~", word}, {"#", section}, {"b", inHeading}, {"", section}}},
		{"Chinese", "一。二！「三。」四", []at{{"一。", section}, {"二！", sentence}, {"「三。」", sentence}, {"四", sentence}, {"", section}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var borders []border
			s := scanner{text: tt.text}
			for b, ok := s.next(); ok; b, ok = s.next() {
				borders = append(borders, b)
			}
			var got []at
			for i, b := range borders {
				w := ""
				if i+1 < len(borders) {
					w = tt.text[b.start:borders[i+1].end]
				}
				got = append(got, at{w, b.level})
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}

func TestCharactersStayWhole(t *testing.T) {
	family := "👩🏽‍👩🏽‍👧" // eight characters drawn as one
	text := strings.Repeat(family, 20)
	o := Options{Target: 40, Overlap: -1, Limit: 40}
	chunks := Split(text, o)
	checkChunks(t, text, o, chunks)
	for i, c := range chunks {
		if len(c.Text)%len(family) != 0 {
			t.Errorf("chunk %d: %q cuts a character drawn as one", i, c.Text)
		}
	}
}

func TestDefaults(t *testing.T) {
	tests := []struct{ o, want Options }{
		{Options{}, Options{400, 60, 512}},
		{Options{Target: 100}, Options{100, 50, 202}},
		{Options{Overlap: -1}, Options{400, 0, 452}},
		{Options{Target: 800, Overlap: 900, Limit: 500}, Options{500, 250, 500}},
		{Options{Limit: 1}, Options{8, 4, 8}},
	}
	for _, tt := range tests {
		if got := tt.o.withDefaults(); got != tt.want {
			t.Errorf("%+v: got %+v, want %+v", tt.o, got, tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	// From OpenAI's tiktoken for cl100k_base.
	tests := []struct {
		text string
		want int
	}{
		{"", 0}, {"hello world", 2}, {"tiktoken is great!", 6}, {"antidisestablishmentarianism", 6},
		{"2 + 2 = 4", 7}, {"お誕生日おめでとう", 9},
	}
	for _, tt := range tests {
		if got := Count(tt.text); got != tt.want {
			t.Errorf("Count(%q): got %d, want %d", tt.text, got, tt.want)
		}
	}
}

// Count cuts long texts into blocks, which must not change the count.
func TestCountOfBlocks(t *testing.T) {
	for _, unit := range []string{
		"Plain words, and 12345 numbers. ", "a  b   c\n \n d\t e", "it's  'll 'S\u00a0x\u2003 y ", "x!\n !\n\n  ", "\t\r\n ", "\n \n", "word", "   ", "é \u00a0 保険 ",
	} {
		text := strings.Repeat(unit, 4096/len(unit)+7)
		want, err := vocabulary().Count(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Count(text); got != want {
			t.Errorf("%q repeated: got %d, want %d", unit, got, want)
		}
	}
}

func ExampleSplit() {
	text := "# Eye care\n\nAn exam costs nothing.\n\n# Frames\n\nUp to 150 a year. More for children."
	for _, c := range Split(text, Options{Target: 16, Overlap: 4, Limit: 20}) {
		fmt.Printf("%q\n", c.Text)
	}
	// Output:
	// "# Eye care\n\nAn exam costs nothing."
	// "# Frames\n\nUp to 150 a year. More for children."
}
