package words

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// TestFoldIsComposed checks that words which fold does not compose, to save time, are composed
// already. The words are random, of all scripts in the table, with marks in any order.
func TestFoldIsComposed(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	var marks, all []rune
	for c := range rune(tableSize) {
		if characterTable().kinds[c] != none {
			all = append(all, c)
		}
		if characterTable().kinds[c] == mark || characterTable().joins[c] {
			marks = append(marks, c)
		}
	}
	for range 200_000 {
		// Adjacent characters are of one script; marks may be of others.
		from := r.IntN(len(all))
		var word []rune
		for range 1 + r.IntN(6) {
			switch {
			case r.IntN(3) == 0:
				word = append(word, marks[r.IntN(len(marks))])
			default:
				word = append(word, all[(from+r.IntN(100))%len(all)])
			}
		}
		var apart []byte
		for _, c := range word {
			apart = append(apart, foldRune(c)...)
		}
		if got, want := Fold(string(word)), norm.NFC.String(string(apart)); got != want {
			t.Fatalf("%+q is folded to %+q, want %+q", string(word), got, want)
		}
	}
}
