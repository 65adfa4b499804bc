package rag

import (
	"slices"
	"strconv"
	"strings"
)

// Citation is a marker in an answer, such as [2], and the passage that it refers to.
type Citation struct {
	Marker     int // the passage's number, from 1
	DocumentID string
	Chunk      int
	Text       string // the passage's
}

// longestMarker bounds what is held back as a possible marker, in bytes: enough
// for [1, 2, 3, 4, 5, 6, 7].
const longestMarker = 24

// citer reads an answer as it comes, piece by piece, and lets through what
// a reader should see: markers that refer to a passage stay, others are taken
// out with the space before them. Text between backticks is code, whose brackets
// are not markers. The zero value knows no passage.
type citer struct {
	passages int   // markers refer to 1 to passages
	cited    []int // in the order of their first mention
	dropped  int   // numbers that referred to nothing

	held string // not yet let through: perhaps the begin of a marker
	code bool   // within backticks
	gap  bool   // a marker was taken out here, with the space before it
}

// write takes a piece and returns what of the answer can be shown now.
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

// restoreSpace is text as it is shown after a gap: words on both sides stay apart, and
// what is left of two brackets makes no marker.
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

// flush returns what was held back: nothing more comes that could make a marker of it.
func (c *citer) flush() string {
	rest := c.held
	c.held = ""
	return c.restoreSpace(rest)
}

// next splits what can be shown off the text's begin; more says that it depends
// on what comes next.
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

// rewriteMarker notes what a marker refers to, and writes it anew without what refers to nothing.
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

// markerBegins tells whether a bracket's content, as far as it came, can be a marker's.
func markerBegins(s string) bool {
	return strings.TrimLeft(s, "0123456789, ") == "" && !strings.HasPrefix(s, ",")
}

// markerNumbers reads a bracket's content: "2" or "1, 3". A Markdown link's text
// or an index that is no number is no marker.
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
