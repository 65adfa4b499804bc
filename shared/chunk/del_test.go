package chunk

import (
	"strings"
	"testing"
)

// DEL counts like any other character. If it did not, 450,000 of them would be one chunk,
// which is larger than an item of the table can be.
func TestDeleteCharactersCount(t *testing.T) {
	text := strings.Repeat("\x7f", 450_000)
	if n := Count(text); n < 100_000 {
		t.Errorf("got %d tokens of 450,000 DEL characters, want them counted", n)
	}
	for _, c := range Split(text, Options{}) {
		if len(c.Text) > 64<<10 {
			t.Fatalf("a chunk has %d bytes", len(c.Text))
		}
	}
	if a, b := Count("one two"), Count("one\x7f two"); b <= a {
		t.Errorf("got %d tokens with a DEL and %d without, want more", b, a)
	}
}
