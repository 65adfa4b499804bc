package xray

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// barWidth is how many columns the time of a whole trace takes.
const barWidth = 40

// bars draw a node's time by its state, to be told apart without colour.
var bars = map[State]string{OK: "█", Hung: "▓", Abandoned: "▒", Failed: "▓", InProgress: "░"}

// notes say what is wrong with a node.
var notes = map[State]string{Hung: "HUNG", Abandoned: "abandoned", Failed: "FAILED", InProgress: "in progress"}

// Text draws the nodes of a trace for a terminal: a line each, as a tree on the
// left, and when it was on the right.
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

// title is a node's name; an attempt's has its number before it.
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

// bar is when a node was, within the trace; at least a thin mark.
func (t *textDrawing) bar(n *Node) string {
	total := max(t.end.Sub(t.start), 1)
	column := func(at time.Time) int { return int(barWidth * at.Sub(t.start) / total) }
	from, to := min(column(n.Start), barWidth-1), column(n.End)
	mark := bars[n.State]
	if to <= from {
		to, mark = from+1, "▏"
		if n.State != OK {
			mark = "!"
		}
	}
	return strings.Repeat(" ", from) + strings.Repeat(mark, to-from) + strings.Repeat(" ", barWidth-to)
}
