package rag

import (
	"slices"
	"strconv"
	"strings"
)

// Citation is a marker in an answer, such as [2], with the passage that it refers to.
type Citation struct {
	Marker     int // the passage's number, from 1
	DocumentID string
	Chunk      int
	Text       string // the passage's
}

// longestMarker is the most text that is held back because it may be a marker, in bytes:
// enough for [1, 2, 3, 4, 5, 6, 7].
const longestMarker = 24

// citer reads an answer piece by piece, and removes markers that refer to no passage,
// together with the space before them. Text between backticks is code, whose brackets are
// not markers.
type citer struct {
	passages int   // markers may be from 1 to passages
	cited    []int // passages' numbers, in the order of their first mention
	dropped  int   // numbers that refer to no passage

	held string // text held back, since it may be the begin of a marker
	code bool   // inside of backticks
	gap  bool   // a marker was removed right here, with the space before it
}

// write takes the next piece, and returns the text that can be shown now.
func (c *citer) write(piece string) string {
	c.held += piece
	var out strings.Builder
	for c.held != "" {
		shown, rest, more := c.next(c.held)
		out.WriteString(c.restoreSpace(shown))
		c.held = rest
		if more {
			break
		}
	}
	return out.String()
}

// restoreSpace puts a space before text that follows a gap, unless it begins with white
// space or punctuation. So words stay apart, and two brackets do not become a marker.
func (c *citer) restoreSpace(shown string) string {
	if !c.gap || shown == "" {
		return shown
	}
	c.gap = false
	if strings.ContainsAny(shown[:1], " \t\n.,;:!?)") {
		return shown
	}
	return " " + shown
}

// flush returns the text held back, at the end of the answer.
func (c *citer) flush() string {
	rest := c.held
	c.held = ""
	return c.restoreSpace(rest)
}

// next splits text into the part that can be shown and the rest. more tells that the rest
// has to wait for the next piece.
func (c *citer) next(text string) (shown, rest string, more bool) {
	plain := strings.IndexAny(text, "[` \t\n")
	if plain < 0 {
		return text, "", false
	}
	if plain > 0 {
		return text[:plain], text[plain:], false
	}
	if text[0] == '`' {
		c.code = !c.code
		return text[:1], text[1:], false
	}
	space := text[:len(text)-len(strings.TrimLeft(text, " \t\n"))]
	after := text[len(space):]
	if after == "" && len(space) <= longestMarker {
		return "", text, true // a marker may follow
	}
	if after == "" {
		return text, "", false
	}
	if c.code || after[0] != '[' {
		n := max(len(space), 1)
		return text[:n], text[n:], false
	}
	end := strings.IndexByte(after, ']')
	if end < 0 {
		if len(after) <= longestMarker && markerBegins(after[1:]) {
			return "", text, true
		}
		return text[:len(space)+1], after[1:], false
	}
	numbers, ok := markerNumbers(after[1:end])
	if !ok {
		return text[:len(space)+1], after[1:], false
	}
	marker := c.rewriteMarker(numbers)
	if marker == "" {
		c.gap = true
		return "", after[end+1:], false
	}
	return space + marker, after[end+1:], false
}

// rewriteMarker records the passages that a marker's numbers refer to, and returns the
// marker without the others; "" where none is left.
func (c *citer) rewriteMarker(numbers []int) string {
	var out strings.Builder
	for _, n := range numbers {
		if n < 1 || n > c.passages {
			c.dropped++
			continue
		}
		if !slices.Contains(c.cited, n) {
			c.cited = append(c.cited, n)
		}
		out.WriteString("[" + strconv.Itoa(n) + "]")
	}
	return out.String()
}

// markerBegins tells whether the begin of a bracket's content may be that of a marker.
func markerBegins(s string) bool {
	return strings.TrimLeft(s, "0123456789, ") == "" && !strings.HasPrefix(s, ",")
}

// markerNumbers reads the content of a bracket, such as "2" or "1, 3". It returns false where
// that is none of a marker, such as a Markdown link's text.
func markerNumbers(s string) ([]int, bool) {
	if !markerBegins(s) {
		return nil, false
	}
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}
