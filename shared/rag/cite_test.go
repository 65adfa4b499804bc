package rag

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCiter(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
		cited            []int
		dropped          int
	}{
		{"nothing", "", "", nil, 0},
		{"no marker", "Glasses are covered.", "Glasses are covered.", nil, 0},
		{"one", "Glasses are covered [2].", "Glasses are covered [2].", []int{2}, 0},
		{"two in one bracket", "Covered [1, 3].", "Covered [1][3].", []int{1, 3}, 0},
		{"twice", "A [1]. B [2]. C [1].", "A [1]. B [2]. C [1].", []int{1, 2}, 0},
		{"of no passage", "Covered [4].", "Covered.", nil, 1},
		{"zero", "Covered[0] always.", "Covered always.", nil, 1},
		{"one of two", "Covered [2, 9].", "Covered [2].", []int{2}, 1},
		{"a number that is none", "Covered [99999999999999999999].", "Covered [99999999999999999999].", nil, 0},
		{"a link", "See [the plan](https://example.org) [1]", "See [the plan](https://example.org) [1]", []int{1}, 0},
		{"code", "Call `a[0]` then [1]", "Call `a[0]` then [1]", []int{1}, 0},
		{"never closed", "Covered [1", "Covered [1", nil, 0},
		{"an empty bracket", "Covered [].", "Covered [].", nil, 0},
		{"a nested one", "[[1]]", "[[1]]", []int{1}, 0},
		{"much white space", "A" + strings.Repeat(" ", 10) + "[9] B", "A B", nil, 1},
		{"white space at the end", "A [1]\n\n", "A [1]\n\n", []int{1}, 0},
		{"a lone bracket", "a [ b", "a [ b", nil, 0},
		{"other scripts", "眼鏡は対象です[1]。", "眼鏡は対象です[1]。", []int{1}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 50 { // however the text is cut into pieces
				c := citer{passages: 3}
				var got strings.Builder
				for rest := test.text; rest != ""; {
					n := 1 + rand.IntN(len(rest))
					got.WriteString(c.write(rest[:n]))
					rest = rest[n:]
				}
				got.WriteString(c.flush())
				if got.String() != test.want || !slices.Equal(c.cited, test.cited) || c.dropped != test.dropped {
					t.Fatalf("got %q, cited %v, %d dropped; want %q, %v, %d", got.String(), c.cited, c.dropped, test.want, test.cited, test.dropped)
				}
			}
		})
	}
}

// nestedMarker matches a marker within brackets or code. What is left once the inner one is
// removed may look like a marker.
var nestedMarker = regexp.MustCompile("\\[[0-9,\\s]*\\[|`")

// Whatever a model writes, each marker that is shown refers to a passage, little text is held
// back, and only markers are removed.
func TestCiterAtRandom(t *testing.T) {
	alphabet := []rune("[]`, 0123456789ab\n【é")
	for range 20_000 {
		text := make([]rune, rand.IntN(40))
		for i := range text {
			text[i] = alphabet[rand.IntN(len(alphabet))]
		}
		c := citer{passages: 3}
		shown := ""
		for _, r := range text {
			shown += c.write(string(r))
			if len(c.held) > 3*longestMarker {
				t.Fatalf("%q: %d bytes held back", string(text), len(c.held))
			}
		}
		shown += c.flush()
		again := citer{passages: 3}
		if once := again.write(shown) + again.flush(); again.dropped > 0 && !nestedMarker.MatchString(string(text)) {
			t.Fatalf("%q shows %q, whose markers refer to nothing: %q", string(text), shown, once)
		}
		letters := func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune("ab`【é", r) {
					return r
				}
				return -1
			}, s)
		}
		if letters(shown) != letters(string(text)) {
			t.Fatalf("%q became %q", string(text), shown)
		}
	}
}
