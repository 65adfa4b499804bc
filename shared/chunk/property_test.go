package chunk

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// textPieces are the parts of random texts. Most bugs in chunking are where two meet.
var textPieces = []string{
	"word ", "word", "Sentence end. ", "J. Smith ", "\n", "\n\n", "\r\n", " ", "\t", "# Head\n", "## Head two\n\n", "Under\n===\n", "---\n",
	"```\n", "~~~~\n", "- item\n", "1. item\n", "| a | b |\n", "> quoted\n", "####### ", "保険。", "健康", "😀", "👩🏽‍👩🏽‍👧", "é", "e\u0301\u0301", "\u200d", "\u00a0",
	"antidisestablishmentarianism", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "1234567", "!?!?", "        ", "\x00", "\ufeff", "\xff", "\xe4\xbf",
}

func randomText(r *rand.Rand, valid bool) string {
	var b strings.Builder
	for range r.IntN(200) {
		p := textPieces[r.IntN(len(textPieces))]
		if valid {
			p = strings.ToValidUTF8(p, "")
		}
		for range 1 + r.IntN(4)*r.IntN(4) {
			b.WriteString(p)
		}
	}
	return b.String()
}

// rounds is how often a test is repeated. Under the race detector it is less: in a single
// goroutine there is no race to find.
func rounds(n int) int {
	if raceEnabled {
		return n / 10
	}
	return n
}

func TestSplitHoldsForRandomTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rounds(1500) {
		text := randomText(r, i%2 == 0)
		o := Options{Target: r.IntN(60), Overlap: r.IntN(30) - 5, Limit: r.IntN(80)}
		if i%10 == 0 {
			o = Options{}
		}
		chunks := Split(text, o)
		checkChunks(t, text, o, chunks)
		if i%50 == 0 {
			if diff := cmp.Diff(Split(text, o), chunks); diff != "" {
				t.Errorf("differs the second time:\n%s", diff)
			}
		}
		if t.Failed() {
			t.Fatalf("text %d: %q, options %+v", i, text, o)
		}
	}
}

func TestHeadingsStayWithTheirText(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	headings := []string{"# Alpha\n", "## Beta gamma\n\n", "### Delta\n\n\n", "Epsilon\n=======\n\n"}
	body := []string{"Some words that say little. ", "More of them! ", "\n\n", "- item one\n- item two\n\n", "word ", "保険。健康"}
	for i := range rounds(500) {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			b.WriteString("\n\n" + headings[r.IntN(len(headings))])
			if r.IntN(4) == 0 {
				b.WriteString(headings[r.IntN(len(headings))])
			}
			b.WriteString("Text. ")
			for range r.IntN(60) {
				b.WriteString(body[r.IntN(len(body))])
			}
		}
		text := b.String()
		o := Options{Target: 40 + r.IntN(100), Overlap: r.IntN(30)}
		chunks := Split(text, o)
		checkChunks(t, text, o, chunks)
		for j, c := range chunks {
			last := c.Text[strings.LastIndexByte(c.Text, '\n')+1:]
			if j < len(chunks)-1 &&
				(strings.HasPrefix(last, "#") || strings.HasPrefix(last, "=") || last == "Epsilon") {
				t.Fatalf("text %d, chunk %d of %d ends with its heading: %q", i, j, len(chunks), c.Text)
			}
		}
	}
}

// For a document without good borders the promises hold too, and it takes neither much time
// nor much memory.
func TestSplitOfHostileTexts(t *testing.T) {
	size := 256 << 10
	if testing.Short() || raceEnabled {
		size = 32 << 10
	}
	for name, unit := range map[string]string{
		"one word": "a", "spaces": " ", "lines": "\n", "Chinese": "健康保険", "emoji": "😀", "marks": "#", "accents": "\u0301",
		"joiners": "\u200d", "fences": "`", "underlines": "=\n", "headings": "# a\n", "letters": "a ", "invalid": "\xff", "halves": "\xf0\x9f",
		"tabs and returns": "\t\r", "blank lines": "x" + strings.Repeat("\t\n", 2000), "stops": ".", "Chinese stops": "。", "quotes": "\"' ", "heading of words": "", "NUL": "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(unit, size/max(1, len(unit)))
			if unit == "" {
				text = "# " + strings.Repeat("wide ", size/5)
			}
			var before, after runtime.MemStats
			vocabulary() // is not Split's to answer for
			runtime.ReadMemStats(&before)
			chunks := Split(text, Options{})
			runtime.GC()
			runtime.ReadMemStats(&after)
			if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > int64(4*len(text)+1<<20) {
				t.Errorf("%d chunks hold %d bytes for a text of %d", len(chunks), held, len(text))
			}
			checkChunks(t, text, Options{}, chunks)
			// Too small a chunk is as bad as too large a one: 10 MB of them would be
			// paid for one by one.
			if most := 2 + Count(text)/150; len(chunks) > most {
				t.Errorf("got %d chunks, want at most %d", len(chunks), most)
			}
		})
	}
}

// White space between two words may be longer than a chunk.
func TestSplitOfDistantWords(t *testing.T) {
	gap := strings.Repeat(" ", 300<<10)
	for _, text := range []string{"a" + gap + "b", gap + "a" + gap, "# a\n" + gap + "b", strings.Repeat("a", 1<<16) + gap + strings.Repeat("b", 1<<16)} {
		chunks := Split(text, Options{})
		checkChunks(t, text, Options{}, chunks)
		if len(chunks) == 0 {
			t.Errorf("%.4q...: no chunks", text)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for i, p := range textPieces {
		f.Add(strings.Repeat(p, 40)+"end", 5+i, i%7, 10+i)
	}
	f.Add("# Title\n\nA sentence. Another one.\n\n```\n# code\n```\n- item\n", 0, 0, 0)
	f.Add("", -1, -1, -1)
	f.Fuzz(func(t *testing.T, text string, target, overlap, limit int) {
		if len(text) > 1<<16 {
			t.Skip()
		}
		o := Options{Target: target % 600, Overlap: overlap % 600, Limit: limit % 600}
		checkChunks(t, text, o, Split(text, o))
	})
}
