package main

import (
	"os"
	"strings"

	"golang.org/x/term"

	"ragtime/shared/rag"
)

// bold is how a terminal shows what is marked, and how it stops.
const bold, notBold = "\x1b[1m", "\x1b[22m"

// marks tells whether what is written there may be marked: on a terminal that can,
// unless its user wants none of it (https://no-color.org).
func marks(out *os.File) bool {
	return term.IsTerminal(int(out.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// marked shows in a text what a passage was found for. The text must be plain:
// nothing else in it may speak to the terminal.
func marked(text string, words []string) string {
	var out strings.Builder
	at := 0
	for _, s := range rag.Marks(text, words) {
		out.WriteString(text[at:s.Start] + bold + text[s.Start:s.End] + notBold)
		at = s.End
	}
	return out.String() + text[at:]
}
