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

// Style is the style sheet for the drawings of SVG, for light and dark. A page
// includes it once; a page with colours of its own sets its variables.
//
//go:embed svg.css
var Style string

// layout has the measures of a drawing, in its own units. On a wide screen a row has
// its label on the left of the bar and its note on the right. On a narrow one both
// are above the bar.
type layout struct {
	class      string
	width      int
	plotX      int // where the bars begin
	plotWidth  int
	rowHeight  int
	barY       int // of a bar, from the top of its row
	barHeight  int
	baseline   int // of a row's text, from the top of the row
	noteX      int
	noteAnchor string
	indent     int // of a label, for each level
	maxTicks   int // beside the one at 0
}

var (
	wide = layout{
		class:      "wide",
		width:      880,
		plotX:      210,
		plotWidth:  480,
		rowHeight:  26,
		barY:       5,
		barHeight:  16,
		baseline:   17,
		noteX:      698,
		noteAnchor: "start",
		indent:     14,
		maxTicks:   6,
	}
	narrow = layout{
		class:      "narrow",
		width:      360,
		plotX:      0,
		plotWidth:  360,
		rowHeight:  40,
		barY:       20,
		barHeight:  14,
		baseline:   14,
		noteX:      360,
		noteAnchor: "end",
		indent:     8,
		maxTicks:   4,
	}
)

const axisHeight = 24

// SVG draws the nodes of a trace as a waterfall. Each operation, step and attempt has
// a row; an attempt's row has its phases, a step's row its backoff. SVG writes two
// drawings, a wide and a narrow one, and Style shows the one that fits the screen.
// Style styles everything by the classes kind, state, and phase-<name>. A drawing has
// a title and a description in words, and so has each bar.
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
	id         string // part of the drawing's ids, to make them unique on a page
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
	height := axisHeight + d.rowHeight*len(d.rows)
	fmt.Fprintf(d.w, `<svg xmlns="http://www.w3.org/2000/svg" class="trace %[4]s" viewBox="0 0 %[1]d %[2]d" `+
		`role="img" aria-labelledby="title-%[3]s" aria-describedby="desc-%[3]s">`+"\n",
		d.width, height, d.id, d.class)
	fmt.Fprintf(d.w, "<title id=\"title-%s\">%s</title>\n", d.id, html.EscapeString(heading(nodes)))
	fmt.Fprintf(d.w, "<desc id=\"desc-%s\">%s</desc>\n", d.id, html.EscapeString(describeTree(nodes)))
	// Stripes mark what hung, for readers who cannot tell the colours apart.
	fmt.Fprintf(d.w, `<defs><pattern id="stripes-%s" width="8" height="8" patternUnits="userSpaceOnUse" `+
		`patternTransform="rotate(45)"><rect class="stripe" width="4" height="8"/></pattern></defs>`+"\n", d.id)
	d.axis(height)
	for i, r := range d.rows {
		d.drawRow(r, axisHeight+d.rowHeight*i)
	}
	fmt.Fprintln(d.w, "</svg>")
}

// axis draws the time axis, with a tick at each round number.
func (d *drawing) axis(height int) {
	total := d.end.Sub(d.start)
	every := tickInterval(total, d.maxTicks)
	for at := time.Duration(0); at <= total; at += every {
		x := d.timeX(d.start.Add(at))
		anchor := "middle"
		switch room := 26.0; { // what half of a label needs
		case x < room:
			anchor = "start"
		case x > float64(d.width)-room:
			anchor = "end"
		}
		fmt.Fprintf(d.w, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, x, axisHeight-4, x, height)
		fmt.Fprintf(d.w, `<text class="axis" x="%.1f" y="14" text-anchor="%s">%s</text>`+"\n", x, anchor, formatTick(at))
	}
}

// tickInterval returns the time between the ticks of an axis: the least of 1, 2 or 5
// times a power of ten with which there are at most most ticks beside the one at 0.
func tickInterval(total time.Duration, most int) time.Duration {
	for unit := time.Microsecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if n*unit*time.Duration(most) >= total {
				return n * unit
			}
		}
	}
}

// formatTick formats a round duration with no more digits than it needs.
func formatTick(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	if d < time.Second {
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

// timeX returns the horizontal position of a time.
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
	fmt.Fprintf(d.w, `<text class="label" x="%d" y="%d">%s</text>`+"\n",
		min(d.plotX, 6)+d.indent*r.depth, y+d.baseline, html.EscapeString(label))
	d.drawBar(n, y, "bar")
	note := formatDuration(n.Duration())
	class := "note"
	for _, c := range n.Children {
		if c.Kind != Phase {
			continue
		}
		d.drawBar(c, y, "bar phase phase-"+html.EscapeString(c.Name))
		if c.State != OK {
			note = notes[c.State] + " in " + c.Name + " " + formatDuration(c.Duration())
			class = "note " + string(c.State)
		}
	}
	fmt.Fprintf(d.w, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n</g>\n",
		class, d.noteX, y+d.baseline, d.noteAnchor, html.EscapeString(note))
}

// drawBar draws the time of a node, at least as a thin mark. A phase that hung, and a
// node in progress, have stripes.
func (d *drawing) drawBar(n *Node, y int, class string) {
	const least = 1.5
	x := min(d.timeX(n.Start), float64(d.plotX+d.plotWidth)-least)
	width := max(d.timeX(n.End)-d.timeX(n.Start), least)
	title := html.EscapeString(strings.Join(append([]string{describe(n)}, n.Detail...), ", "))
	box := fmt.Sprintf(`x="%.2f" y="%d" width="%.2f" height="%d" rx="2"`, x, y+d.barY, width, d.barHeight)
	fmt.Fprintf(d.w, `<g class="%s %s"><title>%s</title><rect class="fill" %s/>`, class, n.State, title, box)
	if n.State == InProgress || n.State == Hung && n.Kind == Phase {
		fmt.Fprintf(d.w, `<rect class="over" fill="url(#stripes-%s)" %s/>`, d.id, box)
	}
	fmt.Fprintln(d.w, "</g>")
}

// heading returns the title of a drawing.
func heading(nodes []*Node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, describe(n))
	}
	return strings.Join(names, "; ")
}

// describe returns a node in words.
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

// describeTree describes a drawing to people who do not see it: its steps, and the
// phases below them that did not end well.
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
