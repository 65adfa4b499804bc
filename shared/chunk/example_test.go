package chunk_test

import (
	"fmt"
	"strings"

	"ragtime/shared/chunk"
)

// Chunks end at the end of a sentence, and together they have all of the text.
func ExampleSplit() {
	text := "# Bees\n\n" + strings.Repeat("The hive stands behind the shed. ", 200) + "\n\n# Ponds\n\nThe pond freezes in January.\n"
	var whole strings.Builder
	for _, c := range chunk.Split(text, chunk.Options{Overlap: -1}) {
		whole.WriteString(c.Text + " ")
		fmt.Println("ends a sentence:", strings.HasSuffix(strings.TrimSpace(c.Text), "."))
	}
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	fmt.Println("nothing is lost:", words(whole.String()) == words(text))
	// Output:
	// ends a sentence: true
	// ends a sentence: true
	// ends a sentence: true
	// ends a sentence: true
	// nothing is lost: true
}
