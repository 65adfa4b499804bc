package simulation

import (
	"fmt"
	"strings"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// String tells how the call went, for the person who reads a failure.
func (c *call) String() string {
	var b strings.Builder
	at := func(t time.Time) time.Duration { return t.Sub(c.network.start) }
	fmt.Fprintf(&b, "caller %d, request %d, step %s, call %d began at %v, its time is spent at %v", c.name[0], c.name[1], c.step, c.index+1, at(c.start), at(c.limit))
	if !c.left.IsZero() {
		fmt.Fprintf(&b, ", its client goes away at %v", at(c.left))
	}
	b.WriteString("\n")
	for _, t := range c.trials {
		fmt.Fprintf(&b, "  attempt %d at %v:", t.number, at(t.start))
		for _, s := range t.spells {
			fmt.Fprintf(&b, " %s +%v", s.phase, s.since.Sub(t.start))
		}
		if t.host >= 0 {
			fmt.Fprintf(&b, ", address %d", t.host+1)
		}
		if len(t.asked)+len(t.dialed) > 0 {
			fmt.Fprintf(&b, ", asked DNS servers %v, dialed %v (from 0)", t.asked, t.dialed)
		}
		if !t.committed.IsZero() {
			fmt.Fprintf(&b, ", committed itself at %v", at(t.committed))
		}
		switch {
		case t.end.IsZero():
			b.WriteString("; it runs\n")
			continue
		case t.err == nil:
			b.WriteString("; answered")
		case t.cut:
			b.WriteString("; was cut")
		default:
			fmt.Fprintf(&b, "; %v", t.err)
			if after := t.retryAfter(); after > 0 {
				fmt.Fprintf(&b, " (asks to wait %v)", after)
			}
		}
		fmt.Fprintf(&b, " at %v\n", at(t.end))
	}
	fmt.Fprintf(&b, "  it returned at %v: ", at(c.end))
	if c.err == nil {
		fmt.Fprintf(&b, "the answer of attempt %d\n", c.result)
		return b.String()
	}
	f := fault.From(c.err)
	fmt.Fprintf(&b, "%v, step %s, phase %s: %s\n", f.Kind, f.Step, f.Phase, f.Detail)
	return b.String()
}

// views is what the record says of the call's attempts.
func (c *call) views() []evidence.AttemptView {
	for _, s := range c.record.Snapshot().Steps {
		if s.Name == c.step {
			return s.Attempts[len(c.earlier()):]
		}
	}
	return nil
}
