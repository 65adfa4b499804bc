package xray

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// barWidth is the number of columns for the time of a whole trace.
const barWidth = 40

// bars are the characters of a bar by its node's state: they differ without colour.
var bars = map[State]string{
	OK:         "█",
	Hung:       "▓",
	Abandoned:  "▒",
	Failed:     "▓",
	InProgress: "░",
}

// notes say what is wrong with a node, by its state.
var notes = map[State]string{
	Hung:       "HUNG",
	Abandoned:  "abandoned",
	Failed:     "FAILED",
	InProgress: "in progress",
}

// Text draws the nodes of a trace for a terminal, a line each: the tree on the left,
// its times as bars on the right.
func Text(w io.Writer, nodes []*Node) error {
	out := bufio.NewWriter(w)
	t := &textDrawing{w: out}
	t.start, t.end = span(nodes)
	for _, n := range nodes {
		t.measure(n, 0)
	}
	for _, n := range nodes {
		t.drawNode(n, "", "")
	}
	return out.Flush()
}

type textDrawing struct {
	w          io.Writer
	start, end time.Time
	width      int // of the tree
}

func (t *textDrawing) measure(n *Node, depth int) {
	t.width = max(t.width, 3*depth+utf8.RuneCountInString(title(n)))
	for _, c := range n.Children {
		t.measure(c, depth+1)
	}
}

// title returns a node's name, with an attempt's number before it.
func title(n *Node) string {
	if n.Kind == Attempt && len(n.Detail) > 0 {
		for _, d := range n.Detail {
			if number, ok := strings.CutPrefix(d, "attempt "); ok {
				return number + " " + n.Name
			}
		}
	}
	return n.Name
}

// drawNode writes a node and those below it. first is the tree before its own line,
// rest the tree before the lines of its children.
func (t *textDrawing) drawNode(n *Node, first, rest string) {
	label := first + title(n)
	pad := strings.Repeat(" ", max(0, t.width-utf8.RuneCountInString(label)))
	fmt.Fprintf(t.w, "%s%s  %8s  %s", label, pad, formatDuration(n.Duration()), t.bar(n))
	if note := notes[n.State]; note != "" {
		fmt.Fprintf(t.w, "  %s", note)
		if n.Reason != "" && (n.Kind == Operation || n.Kind == Phase) {
			_, detail, _ := strings.Cut(n.Reason, ": ")
			fmt.Fprintf(t.w, ": %s", detail)
		}
	}
	fmt.Fprintln(t.w)
	for i, c := range n.Children {
		if i == len(n.Children)-1 {
			t.drawNode(c, rest+"└─ ", rest+"   ")
		} else {
			t.drawNode(c, rest+"├─ ", rest+"│  ")
		}
	}
}

// bar returns the bar of a node, at least a thin mark, padded to barWidth columns.
func (t *textDrawing) bar(n *Node) string {
	total := max(t.end.Sub(t.start), 1)
	column := func(at time.Time) int { return int(barWidth * at.Sub(t.start) / total) }
	from := min(column(n.Start), barWidth-1)
	to := column(n.End)
	mark := bars[n.State]
	if to <= from {
		to = from + 1
		mark = "▏"
		if n.State != OK {
			mark = "!"
		}
	}
	return strings.Repeat(" ", from) + strings.Repeat(mark, to-from) + strings.Repeat(" ", barWidth-to)
}
