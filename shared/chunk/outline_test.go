package chunk

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// contextsOf cuts text into small chunks, and returns each chunk's context and first words.
func contextsOf(t *testing.T, text string, limit int) []string {
	t.Helper()
	o := Options{Target: 40, Overlap: -1, Limit: limit}
	chunks := Split(text, o)
	checkChunks(t, text, o, chunks)
	var out []string
	for _, c := range chunks {
		out = append(out, c.Context+" > "+c.Text[:8])
	}
	return out
}

func TestContext(t *testing.T) {
	say := func(s string) string { return strings.TrimSpace(strings.Repeat(s+" ", 36)) }
	outer := strings.TrimSpace(strings.Repeat("outer ", 15))
	const header = "# A\n| n | price |\n|---|:-:|"
	rows := ""
	for i := range 18 {
		rows += fmt.Sprintf("| %d | the price of it |\n", i)
	}
	for _, test := range []struct {
		name, text string
		limit      int
		want       []string
	}{
		{"none", say("one") + ".\n\n" + say("two") + ".", 70, []string{" > one one ", " > two two "}},
		{"a long section", "# A\n\n" + say("one") + "\n\n" + say("two"), 70, []string{" > # A\n\none", "# A > two two "}},
		{"a path", "# A\n\n" + say("one") + "\n\n## B ##\n\n" + say("two") + "\n\n" + say("three") + "\n\n## C\n\n" + say("four"), 70,
			[]string{" > # A\n\none", "# A > ## B ##\n", "# A\n## B > three th", "# A > ## C\n\nfo"}},
		{"underlined", "A\n=\n\n" + say("one") + "\n\nB\n---\n\n" + say("two") + "\n\n" + say("three"), 70,
			[]string{" > A\n=\n\none", "# A > B\n---\n\nt", "# A\n## B > three th"}},
		{"a higher one ends the path", "## A\n\n" + say("one") + "\n\n# B\n\n" + say("two") + "\n\n" + say("three"), 70,
			[]string{" > ## A\n\non", " > # B\n\ntwo", "# B > three th"}},
		{"code has no headings", "```\n# A\n```\n\n" + say("one") + "\n\n" + say("two"), 70, []string{" > ```\n# A\n", " > one one "}},
		{"no room for the outer one", "# " + outer + "\n\n## B\n\n" + say("one") + "\n\n" + say("two") + "\n\n" + say("three"), 60,
			[]string{" > # outer ", "## B > one one ", "## B > two two "}},
		{"a table", "# A\n\n| n | price |\n|---|:-:|\n" + rows + "\n" + say("after") + "\n\n" + say("then"), 100,
			[]string{" > # A\n\n| n", header + " > | 2 | th", header + " > | 6 | th", header + " > | 10 | t", header + " > | 14 | t", "# A > after af"}},
		{"a table without a header", rows, 100, []string{" > | 0 | th", " > | 4 | th", " > | 8 | th"}},
	} {
		got := contextsOf(t, test.text, test.limit)
		if strings.Join(got, "\n\n") != strings.Join(test.want, "\n\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", test.name, got, test.want)
		}
	}
}

// TestContextIsThePath compares the contexts in a text of random sections with those that a
// scan from the text's begin finds.
func TestContextIsThePath(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range rounds(300) {
		var b strings.Builder
		for n := range 1 + r.IntN(20) {
			fmt.Fprintf(&b, "%s H%d\n\n", strings.Repeat("#", 1+r.IntN(4)), n)
			for range r.IntN(5) {
				b.WriteString(strings.Repeat("word ", 1+r.IntN(40)) + "end.\n\n")
			}
		}
		text := b.String()
		o := Options{Target: 30 + r.IntN(30), Overlap: r.IntN(20), Limit: 200}
		chunks := Split(text, o)
		checkChunks(t, text, o, chunks)
		for _, c := range chunks {
			var path []string
			for line := range strings.Lines(text[:c.Start]) {
				mark, _, heading := strings.Cut(line, " H")
				if !heading {
					continue
				}
				for len(path) > 0 && len(path[len(path)-1])-len(strings.TrimLeft(path[len(path)-1], "#")) >= len(mark) {
					path = path[:len(path)-1]
				}
				path = append(path, strings.TrimSpace(line))
			}
			// A heading is under those of less depth.
			for own := len(c.Text) - len(strings.TrimLeft(c.Text, "#")); own > 0 && len(path) > 0 && strings.HasPrefix(path[len(path)-1], strings.Repeat("#", own)); {
				path = path[:len(path)-1]
			}
			if want := strings.Join(path, "\n"); c.Context != want {
				t.Fatalf("%q: got context %q, want %q, in\n%s", c.Text, c.Context, want, text)
			}
		}
	}
}
