package xray

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"ragtime/shared/fault"
)

// Kind is the kind of a node.
type Kind string

// The kinds, each below the one before it.
const (
	Operation Kind = "operation"
	Step      Kind = "step"
	Attempt   Kind = "attempt"
	Phase     Kind = "phase"
)

// State is how a node ended, or InProgress.
type State string

// The states.
const (
	OK         State = "ok"
	Hung       State = "hung"      // its time ran out
	Abandoned  State = "abandoned" // another attempt answered first
	Failed     State = "failed"
	InProgress State = "in-progress" // no document has said that it ended
)

// Node is a subsegment of a trace, with those below it.
type Node struct {
	ID, ParentID string
	Kind         Kind
	State        State
	Name         string
	Start, End   time.Time // for a node in progress, End is the latest time in the trace
	Reason       string    // why it did not end well: the kind of the fault and its detail
	Lost         string    // of an attempt that a later one outran: hung, or overtaken
	Detail       []string  // more about it, for people: URL, status, request id, connection
	Annotations  map[string]any
	Children     []*Node // by their start
}

// Duration returns how long the node lasted, as far as is known.
func (n *Node) Duration() time.Duration { return n.End.Sub(n.Start) }

// document is a segment document, or a subsegment in one.
type document struct {
	ID         string  `json:"id"`
	ParentID   string  `json:"parent_id"`
	Name       string  `json:"name"`
	Start      float64 `json:"start_time"`
	End        float64 `json:"end_time"`
	InProgress bool    `json:"in_progress"`
	Cause      struct {
		Exceptions []struct{ Type, Message string } `json:"exceptions"`
	} `json:"cause"`
	Fault, Error bool
	HTTP         struct {
		Request  struct{ Method, URL string }
		Response struct{ Status int }
	} `json:"http"`
	AWS         map[string]any            `json:"aws"`
	Annotations map[string]any            `json:"annotations"`
	Metadata    map[string]map[string]any `json:"metadata"`
	Subsegments []document                `json:"subsegments"`
}

// Tree merges the documents of a trace into a tree, as X-Ray does, in whatever order
// they came:
//   - Of several documents with one id, the complete one counts.
//   - A document that was sent on its own belongs below its parent_id.
//   - A subsegment that was in progress in a document of its own is complete only once
//     another document of its own says so. X-Ray promises nothing about a completion
//     that comes as part of another document.
//
// Tree returns the nodes whose parent nobody sent. These are the operations, unless
// datagrams were lost.
func (d *Daemon) Tree(traceID string) ([]*Node, error) {
	d.mu.Lock()
	documents := slices.Clone(d.traces[traceID])
	d.mu.Unlock()
	if len(documents) == 0 {
		return nil, fmt.Errorf("no trace %s: it was not sampled, or is not among the last %d", traceID, maxTraces)
	}
	m := merger{byID: map[string]*Node{}, announced: map[string]bool{}}
	all := make([]document, len(documents))
	for i, r := range documents {
		if err := json.Unmarshal(r.document, &all[i]); err != nil {
			return nil, fmt.Errorf("trace %s has a document that is none: %w", traceID, err)
		}
		if all[i].InProgress {
			m.announced[all[i].ID] = true
		}
		m.latest = r.at // the end of what is in progress, unless a node has a later time
	}
	for i := range all {
		m.add(&all[i], all[i].ParentID, true)
	}
	return m.tree(), nil
}

type merger struct {
	byID map[string]*Node
	all  []*Node // in the order of their first arrival
	// announced has the ids that were in progress in a document of their own.
	announced map[string]bool
	// latest is the latest time in the trace.
	latest time.Time
}

// add adds a document and its subsegments. own says that it is not part of another document.
func (m *merger) add(d *document, parent string, own bool) {
	n := m.byID[d.ID]
	if n == nil {
		n = &Node{ID: d.ID, State: InProgress}
		m.byID[d.ID] = n
		m.all = append(m.all, n)
	}
	if n.State == InProgress && (own || !m.announced[d.ID]) {
		n.ParentID = parent
		n.Name = d.Name
		n.Start = seconds(d.Start)
		n.End = seconds(d.End)
		n.State, n.Reason = state(d)
		n.Lost, _ = d.Metadata["ragtime"]["lost"].(string)
		n.Detail = detail(d)
		n.Annotations = d.Annotations
	}
	for i := range d.Subsegments {
		m.add(&d.Subsegments[i], d.ID, false)
	}
}

func (m *merger) tree() []*Node {
	var roots []*Node
	for _, n := range m.all {
		for _, at := range []time.Time{n.Start, n.End} {
			if at.After(m.latest) {
				m.latest = at
			}
		}
		if p := m.byID[n.ParentID]; p != nil {
			p.Children = append(p.Children, n)
		} else {
			roots = append(roots, n)
		}
	}
	for _, n := range m.all {
		if n.State == InProgress {
			n.End = m.latest
		}
	}
	sortByStart(roots)
	for _, r := range roots {
		r.setKinds(Operation)
	}
	return roots
}

// childKind is the kind of a node's children, by the node's own.
var childKind = map[Kind]Kind{
	Operation: Step,
	Step:      Attempt,
	Attempt:   Phase,
	Phase:     Phase,
}

// setKinds sets the kinds of a node and of all below it. A leaf with the name of a
// phase is a phase at any level, such as a step's backoff.
func (n *Node) setKinds(k Kind) {
	n.Kind = k
	if len(n.Children) == 0 && fault.Phase(n.Name).Meaning() != "" {
		n.Kind = Phase
	}
	sortByStart(n.Children)
	for _, c := range n.Children {
		c.setKinds(childKind[k])
	}
}

func sortByStart(nodes []*Node) {
	slices.SortStableFunc(nodes, func(a, b *Node) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End))
	})
}

// state returns how a document ended, and why. It goes by the kind of fault that the cause names.
func state(d *document) (State, string) {
	reason := ""
	if e := d.Cause.Exceptions; len(e) > 0 {
		reason = e[0].Type + ": " + e[0].Message
	}
	switch {
	case d.InProgress:
		return InProgress, reason
	case !d.Fault && !d.Error:
		return OK, reason
	case reason != "" && d.Cause.Exceptions[0].Type == fault.Timeout.String():
		return Hung, reason
	case reason != "" && d.Cause.Exceptions[0].Type == fault.Canceled.String():
		return Abandoned, reason
	}
	return Failed, reason
}

// detail lists what a document says beside its times.
func detail(d *document) (out []string) {
	if d.HTTP.Request.URL != "" {
		out = append(out, d.HTTP.Request.Method+" "+d.HTTP.Request.URL)
	}
	if d.HTTP.Response.Status != 0 {
		out = append(out, fmt.Sprintf("status %d", d.HTTP.Response.Status))
	}
	known := []struct{ label, key string }{
		{"attempt", "attempt"},
		{"operation", "operation"},
		{"table", "table_name"},
		{"request id", "request_id"},
		{"connection", "connection"},
		{"address", "address"},
		{"counts as", "lost"},
	}
	for _, k := range known {
		for _, from := range []map[string]any{d.AWS, d.Metadata["ragtime"]} {
			if v, ok := from[k.key]; ok {
				out = append(out, fmt.Sprintf("%s %v", k.label, v))
			}
		}
	}
	return out
}

// seconds converts a time of X-Ray's, in seconds since 1970. A float64 holds it to the microsecond at best.
func seconds(s float64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(math.Round(s * 1e6)))
}

// span returns the first start and the last end of nodes.
func span(nodes []*Node) (start, end time.Time) {
	if len(nodes) == 0 {
		return start, end
	}
	start = slices.MinFunc(nodes, func(a, b *Node) int { return a.Start.Compare(b.Start) }).Start
	end = slices.MaxFunc(nodes, func(a, b *Node) int { return a.End.Compare(b.End) }).End
	return start, end
}

// formatDuration formats a duration with about three significant digits.
func formatDuration(d time.Duration) string {
	ms := float64(d.Microseconds()) / 1000
	switch {
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}
