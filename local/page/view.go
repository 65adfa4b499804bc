package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"ragtime/local/xray"
	"ragtime/shared/fault"
)

// functions are what templates call.
var functions = template.FuncMap{
	"clock":    func(t time.Time) string { return t.Format("15:04:05.000") },
	"duration": duration,
	"escape":   url.PathEscape,
	"phases":   func() []fault.Phase { return phases },
}

// phases are the legend's, in the order of an attempt's way.
var phases = []fault.Phase{fault.PhaseBlocked, fault.PhaseDNS, fault.PhaseConnect, fault.PhaseTLS,
	fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive, fault.PhaseBackoff}

// duration writes a duration as the log's details do.
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// Short is the beginning of the id.
func (op Operation) Short() string {
	short, _, _ := strings.Cut(op.ID, "-")
	return short[:min(len(short), 12)]
}

// What is the operation's name; that of the function if it never began.
func (op Operation) What() string {
	if op.Name == "" {
		return op.Function
	}
	return op.Name
}

// State is the outcome in a word: "in progress" before there is one, "degraded"
// where it is ok and something is missing.
func (op Operation) State() string {
	switch {
	case op.Outcome == "":
		return "in progress"
	case op.Degraded:
		return "degraded"
	}
	return string(op.Outcome)
}

// Class is the state as a class of the style sheet.
func (op Operation) Class() string { return strings.ReplaceAll(op.State(), " ", "-") }

// Lasted is how long the operation lasted, or lasts so far.
func (op Operation) Lasted() time.Duration {
	if op.Outcome == "" {
		return time.Since(op.Start).Truncate(100 * time.Millisecond)
	}
	return op.Elapsed
}

// Share is how much of the budget was used, in percent.
func (op Operation) Share() int {
	if op.Budget <= 0 {
		return 0
	}
	return int(min(100, 100*op.Lasted()/op.Budget))
}

// Place is the step and phase to blame, or where it waits; empty if there is none.
func (op Operation) Place() string { return place(op.Step, op.Phase) }

func place(s fault.Step, p fault.Phase) string {
	switch {
	case s == "":
		return ""
	case p == "":
		return "step " + string(s)
	}
	return fmt.Sprintf("step %s, phase %s", s, p)
}

// Meaning says what an attempt in the phase lacks.
func (op Operation) Meaning() string { return op.Phase.Meaning() }

// Headline is how it ended, or where it is, in a sentence.
func (op Operation) Headline() string {
	what, place := op.What(), ""
	if op.Place() != "" {
		place = " in " + op.Place()
	}
	switch op.Outcome {
	case fault.OK:
		if op.Degraded {
			return what + " fell short" + place
		}
		if op.Survived > 0 {
			return fmt.Sprintf("%s succeeded and survived %s", what, hangsIn(op.Survived))
		}
		return what + " succeeded"
	case fault.TimedOut:
		return what + " timed out" + place
	case fault.Failed:
		return what + " failed" + place
	}
	if place != "" {
		return what + " is waiting" + place
	}
	return what + " is in progress"
}

func hangsIn(n int) string {
	if n == 1 {
		return "1 hang"
	}
	return fmt.Sprintf("%d hangs", n)
}

// settled is how long after its end an operation may still get lines or
// documents: the platform's report, and datagrams that are under way.
const settled = time.Second

// Settled tells whether nothing about it changes any more.
func (op Operation) Settled() bool { return !op.End.IsZero() && time.Since(op.End) > settled }

// Entry is what the line says, as far as it says so in JSON.
func (l Line) Entry() entry { return read(l.Text) }

// Summary is the line's message, with the little that tells it from others like it.
func (l Line) Summary() string {
	e := l.Entry()
	switch {
	case e.Type != "":
		return e.Type
	case e.Message == "":
		return l.Text
	case e.Message == "operation waiting" && e.Attempt > 0:
		return fmt.Sprintf("%s: %s, attempt %d", e.Message, place(e.Step, e.Phase), e.Attempt)
	case e.Message == "operation waiting":
		return e.Message + ": " + place(e.Step, e.Phase)
	case e.Message == "operation finished" && e.Step != "":
		return fmt.Sprintf("%s: %s in %s", e.Message, e.Outcome, place(e.Step, e.Phase))
	case e.Outcome != "":
		return e.Message + ": " + e.Outcome
	}
	return e.Message
}

// Pretty is the line's JSON, indented; the line itself if it is none.
func (l Line) Pretty() string { return pretty(l.Text) }

func pretty(text string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") != nil {
		return text
	}
	return out.String()
}

// drawing is the waterfall of a trace: SVG for the page, or why there is none.
type drawing struct {
	SVG  template.HTML
	Note string
	Lost string // an attempt that came to nothing, in words
	// Attempts tells how many each step made: a detail's "attempt 1 of 4" counts one step's.
	Attempts string
}

// draw draws a trace. The SVG is escaped by whoever made it: package xray.
func (p *Page) draw(traceID string) (d drawing) {
	nodes, err := p.traces.Tree(traceID)
	if err != nil {
		d.Note = err.Error()
		return d
	}
	var b strings.Builder
	if err := xray.SVG(&b, nodes); err != nil {
		d.Note = err.Error()
		return d
	}
	d.SVG = template.HTML(b.String())
	d.Lost, d.Attempts = lost(nodes), attempts(nodes)
	return d
}

// attempts counts the attempts of each step: "read 1, embed 4".
func attempts(nodes []*xray.Node) string {
	var out []string
	var walk func(*xray.Node)
	walk = func(n *xray.Node) {
		count := 0
		for _, c := range n.Children {
			if c.Kind == xray.Attempt {
				count++
			}
			walk(c)
		}
		if count > 0 && n.Kind == xray.Step {
			out = append(out, fmt.Sprintf("%s %d", n.Name, count))
		}
	}
	for _, n := range nodes {
		walk(n)
	}
	return strings.Join(out, ", ")
}

// lost tells of the attempt that came to nothing and took longest about it.
func lost(nodes []*xray.Node) (words string) {
	how := map[xray.State]string{xray.Hung: "hung", xray.Abandoned: "was overtaken", xray.Failed: "failed"}
	longest := time.Duration(-1)
	var walk func(n *xray.Node, step, attempt string)
	walk = func(n *xray.Node, step, attempt string) {
		switch n.Kind {
		case xray.Step:
			step = n.Name
		case xray.Attempt:
			attempt = n.Lost
		}
		if how[n.State] != "" && n.Kind == xray.Phase && n.Duration() > longest {
			longest = n.Duration()
			what := how[n.State]
			if attempt == "hung" {
				what = attempt
			}
			words = fmt.Sprintf("An attempt %s in step %s, phase %s", what, step, n.Name)
			if _, detail, ok := strings.Cut(n.Reason, ": "); ok && n.State == xray.Failed {
				words += " (" + detail + ")"
			}
		}
		for _, c := range n.Children {
			walk(c, step, attempt)
		}
	}
	for _, n := range nodes {
		walk(n, "", "")
	}
	return words
}
