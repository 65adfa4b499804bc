package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ragtime/shared/fault"
)

// givenUp: what ended because its client went away, or a call beside it failed, is
// no failure of the service's.
func (c *call) givenUp() string {
	f := fault.From(c.err)
	if f == nil || !c.end.Equal(c.left) || c.end.Equal(c.limit) {
		return ""
	}
	views := c.views()
	for i, t := range c.trials {
		if kind := fault.From(views[i].Err).Kind; t.cut && t.end.Equal(c.end) && kind != fault.Canceled {
			return fmt.Sprintf("attempt %d is recorded as %v", t.number, kind)
		}
	}
	if f.Kind != fault.Canceled && !c.policy.options.Patient {
		return fmt.Sprintf("it is told as %v", f.Kind)
	}
	return ""
}

// blame: the fault names the step, and the phase in which the call truly was.
func (c *call) blame() string {
	f := fault.From(c.err)
	if f == nil {
		return ""
	}
	if f.Step != c.step {
		return fmt.Sprintf("step %q is blamed, want %s", f.Step, c.step)
	}
	if c.end.Before(c.over()) {
		last, _ := c.lastFailure(c.end)
		if last == nil {
			return "it ended early, and no attempt failed"
		}
		if at := last.last(); c.index > 0 && f.Kind == fault.Timeout && last.end.Sub(at.since) < c.end.Sub(c.stage.start)/10 {
			return c.blameMost(f)
		}
		if f.Phase != last.last().phase {
			return fmt.Sprintf("phase %q is blamed; attempt %d failed last, in %s", f.Phase, last.number, last.last().phase)
		}
		return ""
	}
	var longest time.Duration
	phases, alike := map[fault.Phase]int{}, 0
	for _, t := range c.trials {
		if !t.cut || t.end.Before(c.end) {
			continue
		}
		switch at := t.last(); {
		case len(phases) == 0 || c.end.Sub(at.since) > longest:
			longest, phases, alike = c.end.Sub(at.since), map[fault.Phase]int{at.phase: t.number}, 1
		case c.end.Sub(at.since) == longest:
			phases[at.phase] = t.number
			alike++
		}
	}
	if len(phases) == 0 {
		if last, _ := c.lastFailure(c.end); f.Phase != fault.PhaseBackoff && (last == nil || f.Phase != last.last().phase) {
			return fmt.Sprintf("phase %q is blamed, while no attempt was under way", f.Phase)
		}
		return ""
	}
	of := ""
	if c.index > 0 {
		of = fmt.Sprintf(" of call %d of %d", c.index+1, c.index+1)
	}
	if c.index > 0 && longest < c.end.Sub(c.stage.start)/10 && f.Kind == fault.Timeout {
		return c.blameMost(f) // many short calls
	}
	number, ok := phases[f.Phase]
	if !ok {
		return fmt.Sprintf("phase %q is blamed, want one of %v", f.Phase, phases)
	}
	// Ties aside, the sentence names the attempt and how long it was there.
	want := fmt.Sprintf("attempt %d of %d%s was in phase %s (%s) for %.1f s", number, len(c.trials), of, f.Phase, f.Phase.Meaning(), longest.Seconds())
	if f.Kind == fault.Timeout && alike == 1 && !strings.Contains(f.Detail, want) {
		return fmt.Sprintf("%q, want %q", f.Detail, want)
	}
	return ""
}

// blameMost: where no attempt waited for a good part of the step's time, it is blamed on
// the phase in which all of its calls spent most.
func (c *call) blameMost(f *fault.Error) string {
	spent := map[fault.Phase]time.Duration{}
	for _, t := range slices.Concat(c.earlier(), c.trials) {
		for i, s := range t.spells {
			end := t.end
			if i+1 < len(t.spells) {
				end = t.spells[i+1].since
			}
			spent[s.phase] += end.Sub(s.since)
		}
	}
	for p, d := range spent {
		if d > spent[f.Phase] && f.Phase != fault.PhaseBackoff {
			return fmt.Sprintf("phase %q is blamed, in which all calls spent %v; in %s it was %v", f.Phase, spent[f.Phase], p, d)
		}
	}
	return ""
}
