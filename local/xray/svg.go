package xray

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
	"strconv"
	"strings"
	"time"
)

// Style is the style sheet of the drawings that SVG makes, for light and dark. A
// page includes it once; a page with colours of its own sets the variables.
//
//go:embed svg.css
var Style string

// layout is how a drawing is laid out, in its own units. On a wide screen a row has
// its label on the left of the bar and its note on the right; on a narrow one both
// are above the bar.
type layout struct {
	class                      string
	width                      int
	plotX, plotWidth           int // where the bars are
	rowHeight, barY, barHeight int // of a row: its height, and where its bar is, and how high
	baseline                   int // of a row's text
	noteX                      int // where notes are
	noteAnchor                 string
	indent                     int // of a label, for each level
	maxTicks                   int // at most
}

var (
	wide = layout{class: "wide", width: 880, plotX: 210, plotWidth: 480, rowHeight: 26, barY: 5, barHeight: 16, baseline: 17,
		noteX: 698, noteAnchor: "start", indent: 14, maxTicks: 6}
	narrow = layout{class: "narrow", width: 360, plotX: 0, plotWidth: 360, rowHeight: 40, barY: 20, barHeight: 14, baseline: 14,
		noteX: 360, noteAnchor: "end", indent: 8, maxTicks: 4}
)

const axisHeight = 24

// SVG draws the nodes of a trace as a waterfall: a row each for operations,
// steps and attempts, with the phases of an attempt, and the backoff of a step,
// in its row. There are two drawings of it, of which Style shows the one that fits
// the screen. Everything is styled by classes: kind, state, and phase-<name>
// (Style has them). A drawing has a title and a description in words, and each
// bar one of its own.
func SVG(w io.Writer, nodes []*Node) error {
	out := bufio.NewWriter(w)
	for _, l := range []layout{wide, narrow} {
		d := &drawing{layout: l, w: out, id: l.class}
		d.start, d.end = span(nodes)
		for _, n := range nodes {
			d.addRows(n, 0)
		}
		if len(nodes) > 0 {
			d.id += "-" + html.EscapeString(nodes[0].ID) // anyone can send the daemon a document
		}
		d.draw(nodes)
	}
	return out.Flush()
}

type drawing struct {
	layout
	w          io.Writer
	id         string // makes the ids of one drawing unlike another's
	start, end time.Time
	rows       []row
}

type row struct {
	node  *Node
	depth int
}

func (d *drawing) addRows(n *Node, depth int) {
	if n.Kind == Phase && depth > 0 {
		return // drawn in its parent's row
	}
	d.rows = append(d.rows, row{n, depth})
	for _, c := range n.Children {
		d.addRows(c, depth+1)
	}
}

func (d *drawing) draw(nodes []*Node) {
	height := axisHeight + d.layout.rowHeight*len(d.rows)
	fmt.Fprintf(d.w, `<svg xmlns="http://www.w3.org/2000/svg" class="trace %[4]s" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="title-%[3]s" aria-describedby="desc-%[3]s">`,
		d.width, height, d.id, d.class)
	fmt.Fprintf(d.w, "\n<title id=\"title-%s\">%s</title>\n<desc id=\"desc-%s\">%s</desc>\n", d.id, html.EscapeString(heading(nodes)), d.id, html.EscapeString(describeTree(nodes)))
	// Stripes tell what hung from what did not where colours cannot.
	fmt.Fprintf(d.w, `<defs><pattern id="stripes-%s" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="stripe" width="4" height="8"/></pattern></defs>`+"\n", d.id)
	d.axis(height)
	for i, r := range d.rows {
		d.drawRow(r, axisHeight+d.layout.rowHeight*i)
	}
	fmt.Fprintln(d.w, "</svg>")
}

// axis draws the time, with a tick at each round number.
func (d *drawing) axis(height int) {
	total := d.end.Sub(d.start)
	every := tickInterval(total, d.maxTicks)
	for at := time.Duration(0); at <= total; at += every {
		x := d.timeX(d.start.Add(at))
		anchor := "middle"
		switch room := 26.0; { // for half of a label
		case x < room:
			anchor = "start"
		case x > float64(d.width)-room:
			anchor = "end"
		}
		fmt.Fprintf(d.w, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="axis" x="%.1f" y="14" text-anchor="%s">%s</text>`+"\n",
			x, axisHeight-4, x, height, x, anchor, formatTick(at))
	}
}

// tickInterval is the time between the ticks of an axis: 1, 2 or 5 times a power of ten,
// the least with which there are at most so many ticks beside the one at 0.
func tickInterval(total time.Duration, most int) time.Duration {
	for unit := time.Microsecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if n*unit*time.Duration(most) >= total {
				return n * unit
			}
		}
	}
}

// formatTick writes a round number, with no digit more than it has.
func formatTick(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	number, unit := d.Seconds(), "s"
	if d < time.Second {
		number, unit = float64(d)/float64(time.Millisecond), "ms"
	}
	return strconv.FormatFloat(number, 'f', -1, 64) + " " + unit
}

// timeX is where a time is.
func (d *drawing) timeX(at time.Time) float64 {
	total := float64(max(d.end.Sub(d.start), 1))
	return float64(d.plotX) + float64(d.plotWidth)*float64(at.Sub(d.start))/total
}

func (d *drawing) drawRow(r row, y int) {
	n := r.node
	fmt.Fprintf(d.w, `<g class="row %s %s">`+"\n", n.Kind, n.State)
	label := title(n)
	if most := 30 - 2*r.depth; len([]rune(label)) > most {
		label = string([]rune(label)[:most-1]) + "…"
	}
	fmt.Fprintf(d.w, `<text class="label" x="%d" y="%d">%s</text>`+"\n", min(d.plotX, 6)+d.indent*r.depth, y+d.baseline, html.EscapeString(label))
	d.drawBar(n, y, "bar")
	note, class := formatDuration(n.Duration()), ""
	for _, c := range n.Children {
		if c.Kind != Phase {
			continue
		}
		d.drawBar(c, y, "bar phase phase-"+html.EscapeString(c.Name))
		if c.State != OK {
			note, class = notes[c.State]+" in "+c.Name+" "+formatDuration(c.Duration()), " "+string(c.State)
		}
	}
	fmt.Fprintf(d.w, `<text class="note%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n</g>\n", class, d.noteX, y+d.baseline, d.noteAnchor, html.EscapeString(note))
}

// drawBar draws when a node was, at least as a thin mark. What hung or is in progress is
// striped, and outlined by its class.
func (d *drawing) drawBar(n *Node, y int, class string) {
	const least = 1.5
	x := min(d.timeX(n.Start), float64(d.plotX+d.plotWidth)-least)
	width := max(d.timeX(n.End)-d.timeX(n.Start), least)
	title := html.EscapeString(strings.Join(append([]string{describe(n)}, n.Detail...), ", "))
	fmt.Fprintf(d.w, `<g class="%s %s"><title>%s</title><rect class="fill" x="%.2f" y="%d" width="%.2f" height="%d" rx="2"/>`,
		class, n.State, title, x, y+d.barY, width, d.barHeight)
	if n.State == InProgress || n.State == Hung && n.Kind == Phase {
		fmt.Fprintf(d.w, `<rect class="over" fill="url(#stripes-%s)" x="%.2f" y="%d" width="%.2f" height="%d" rx="2"/>`, d.id, x, y+d.barY, width, d.barHeight)
	}
	fmt.Fprintln(d.w, "</g>")
}

// heading is a drawing's title.
func heading(nodes []*Node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, describe(n))
	}
	return strings.Join(names, "; ")
}

// describe is a node in words.
func describe(n *Node) string {
	s := n.Name + ", " + formatDuration(n.Duration())
	if note := notes[n.State]; note != "" {
		s += ", " + strings.ToLower(note)
	}
	if n.Reason != "" {
		s += " (" + n.Reason + ")"
	}
	return s
}

// describeTree tells a drawing to those who do not see it: the steps, and what did not
// end well below them.
func describeTree(nodes []*Node) string {
	var out []string
	var walk func(*Node, string)
	walk = func(n *Node, path string) {
		path = strings.TrimPrefix(path+" > "+title(n), " > ")
		if n.Kind == Step || n.Kind == Phase && n.State != OK {
			out = append(out, strings.Replace(describe(n), n.Name, path, 1))
		}
		for _, c := range n.Children {
			walk(c, path)
		}
	}
	for _, n := range nodes {
		walk(n, "")
	}
	return strings.Join(out, ". ")
}
