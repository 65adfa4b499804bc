package xray

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"
	"time"
)

// Style is the style sheet of the drawings that SVG makes, for light and dark. A
// page includes it once; a page with colours of its own sets the variables.
//
//go:embed svg.css
var Style string

// Measures of a drawing, in its own units.
const (
	drawingWidth = 1000
	labelWidth   = 240
	noteWidth    = 190
	rowHeight    = 26
	barHeight    = 16
	axisHeight   = 24
	plotWidth    = drawingWidth - labelWidth - noteWidth
)

// SVG draws the nodes of a trace as a waterfall: a row each for operations,
// steps and attempts, with the phases of an attempt, and the backoff of a step,
// in its row. Everything is styled by classes: kind, state, and phase-<name>
// (Style has them). The drawing has a title and a description in words, and each
// bar one of its own.
func SVG(w io.Writer, nodes []*Node) error {
	out := bufio.NewWriter(w)
	d := &drawing{w: out}
	d.start, d.end = span(nodes)
	for _, n := range nodes {
		d.rows(n, 0)
	}
	if len(nodes) > 0 {
		d.id = html.EscapeString(nodes[0].ID) // anyone can send the daemon a document
	}
	d.draw(nodes)
	return out.Flush()
}

type drawing struct {
	w          io.Writer
	id         string // makes the ids of one drawing unlike another's
	start, end time.Time
	list       []row
}

type row struct {
	node  *Node
	depth int
}

func (d *drawing) rows(n *Node, depth int) {
	if n.Kind == Phase && depth > 0 {
		return // drawn in its parent's row
	}
	d.list = append(d.list, row{n, depth})
	for _, c := range n.Children {
		d.rows(c, depth+1)
	}
}

func (d *drawing) draw(nodes []*Node) {
	height := axisHeight + rowHeight*len(d.list)
	fmt.Fprintf(d.w, `<svg xmlns="http://www.w3.org/2000/svg" class="trace" viewBox="0 0 %d %d" role="img" aria-labelledby="title-%[3]s" aria-describedby="desc-%[3]s">`,
		drawingWidth, height, d.id)
	fmt.Fprintf(d.w, "\n<title id=\"title-%s\">%s</title>\n<desc id=\"desc-%s\">%s</desc>\n", d.id, html.EscapeString(heading(nodes)), d.id, html.EscapeString(words(nodes)))
	// Stripes tell what hung from what did not where colours cannot.
	fmt.Fprintf(d.w, `<defs><pattern id="stripes-%s" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="stripe" width="4" height="8"/></pattern></defs>`+"\n", d.id)
	d.axis(height)
	for i, r := range d.list {
		d.row(r, axisHeight+rowHeight*i)
	}
	fmt.Fprintln(d.w, "</svg>")
}

// axis draws the time, in quarters of the whole.
func (d *drawing) axis(height int) {
	for i := range 5 {
		x := labelWidth + float64(plotWidth)*float64(i)/4
		anchor := [...]string{"start", "middle", "middle", "middle", "end"}[i]
		fmt.Fprintf(d.w, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="axis" x="%.1f" y="14" text-anchor="%s">%s</text>`+"\n",
			x, axisHeight-4, x, height, x, anchor, show(d.end.Sub(d.start)*time.Duration(i)/4))
	}
}

func (d *drawing) row(r row, y int) {
	n := r.node
	fmt.Fprintf(d.w, `<g class="row %s %s">`+"\n", n.Kind, n.State)
	label := title(n)
	if most := 30 - 2*r.depth; len([]rune(label)) > most {
		label = string([]rune(label)[:most-1]) + "…"
	}
	fmt.Fprintf(d.w, `<text class="label" x="%d" y="%d">%s</text>`+"\n", 6+14*r.depth, y+17, html.EscapeString(label))
	d.bar(n, y, "bar")
	note, class := show(n.Duration()), ""
	for _, c := range n.Children {
		if c.Kind != Phase {
			continue
		}
		d.bar(c, y, "bar phase phase-"+html.EscapeString(c.Name))
		if c.State != OK {
			note, class = notes[c.State]+" in "+c.Name+" "+show(c.Duration()), " "+string(c.State)
		}
	}
	fmt.Fprintf(d.w, `<text class="note%s" x="%d" y="%d">%s</text>`+"\n</g>\n", class, labelWidth+plotWidth+8, y+17, html.EscapeString(note))
}

// bar draws when a node was, at least as a thin mark. What hung or is in progress is
// striped, and outlined by its class.
func (d *drawing) bar(n *Node, y int, class string) {
	total := float64(max(d.end.Sub(d.start), 1))
	x := labelWidth + plotWidth*float64(n.Start.Sub(d.start))/total
	width := max(plotWidth*float64(n.Duration())/total, 1.5)
	title := html.EscapeString(strings.Join(append([]string{told(n)}, n.Detail...), ", "))
	fmt.Fprintf(d.w, `<g class="%s %s"><title>%s</title><rect class="fill" x="%.2f" y="%d" width="%.2f" height="%d" rx="2"/>`,
		class, n.State, title, x, y+5, width, barHeight)
	if n.State == InProgress || n.State == Hung && n.Kind == Phase {
		fmt.Fprintf(d.w, `<rect class="over" fill="url(#stripes-%s)" x="%.2f" y="%d" width="%.2f" height="%d" rx="2"/>`, d.id, x, y+5, width, barHeight)
	}
	fmt.Fprintln(d.w, "</g>")
}

// heading is a drawing's title.
func heading(nodes []*Node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, told(n))
	}
	return strings.Join(names, "; ")
}

// told is a node in words.
func told(n *Node) string {
	s := n.Name + ", " + show(n.Duration())
	if note := notes[n.State]; note != "" {
		s += ", " + strings.ToLower(note)
	}
	if n.Reason != "" {
		s += " (" + n.Reason + ")"
	}
	return s
}

// words tells a drawing to those who do not see it: the steps, and what did not
// end well below them.
func words(nodes []*Node) string {
	var out []string
	var walk func(*Node, string)
	walk = func(n *Node, path string) {
		path = strings.TrimPrefix(path+" > "+title(n), " > ")
		if n.Kind == Step || n.Kind == Phase && n.State != OK {
			out = append(out, strings.Replace(told(n), n.Name, path, 1))
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
