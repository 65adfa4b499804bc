package trace

import (
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// span is one subsegment, with those below it.
type span struct {
	id, parent  string
	name        string
	start       int64 // microseconds since 1970
	end         int64 // 0 while it is in progress
	fault       *fault.Error
	call        *call        // of an attempt
	annotations *annotations // of the operation
	children    []*span
}

func (s *span) inProgress() bool { return s.end == 0 }

// ending is how the operation ended. The zero value is an operation that has not.
type ending struct {
	over       bool
	after      time.Duration // since the operation's start
	fault      *fault.Error
	degradedBy *fault.Error // see Trace.Degraded
}

// spanBuilder makes the spans of one snapshot.
type spanBuilder struct {
	*Trace
	ending
	start       time.Time // of the operation
	startMicros int64     // the same, in microseconds since 1970
}

// spanTree returns the operation's span, with all below it, as the record is now.
func (t *Trace) spanTree(e ending) *span {
	s := t.record.Snapshot()
	v := spanBuilder{t, e, s.Start, s.Start.UnixMicro()}
	op := &span{
		id:          t.spanID(0, 0, 0),
		parent:      t.parent,
		name:        t.name,
		fault:       e.fault,
		annotations: &annotations{operationID: t.id},
	}
	var end time.Time
	if e.over {
		end = s.Start.Add(e.after)
	}
	v.setTimes(op, nil, s.Start, end)
	attempts := 0
	op.children = make([]*span, len(s.Steps))
	for i := range s.Steps {
		op.children[i] = v.step(op, i+1, &s.Steps[i])
		attempts += len(s.Steps[i].Attempts)
	}
	if e.over {
		op.annotations.set(e.fault, e.degradedBy, attempts)
	}
	return op
}

// annotations are the annotations of an operation, by which people search for traces.
type annotations struct {
	operationID string
	isFinal     bool // the operation is over: the other fields are set
	outcome     fault.Outcome
	step        fault.Step  // of the fault, or of what degraded the answer
	phase       fault.Phase // likewise
	attempts    int         // of the fault; of the whole operation where that has none
}

func (n *annotations) set(f, less *fault.Error, attempts int) {
	n.isFinal = true
	n.outcome = fault.OK
	n.attempts = attempts
	switch {
	case f != nil:
		n.outcome = fault.OutcomeOf(f)
	case less != nil:
		f = less
	default:
		return
	}
	n.step, n.phase = f.Step, f.Phase
	if made := len(f.Attempts); made > 0 {
		n.attempts = made
	}
}

func (v *spanBuilder) step(op *span, i int, s *evidence.StepView) *span {
	out := &span{
		id:       v.spanID(i, 0, 0),
		parent:   op.id,
		name:     string(s.Name),
		children: make([]*span, 0, len(s.Attempts)+len(s.Pauses)),
	}
	v.setTimes(out, op, s.Start, s.End)
	var at fault.Phase // that the step is in, if it has not ended
	for j := range s.Attempts {
		a := &s.Attempts[j]
		out.children = append(out.children, v.attempt(out, i, j+1, a))
		if n := len(a.Phases); n > 0 && a.End.IsZero() {
			at = a.Phases[n-1].Name
		}
	}
	for j, p := range s.Pauses {
		pause := &span{id: v.spanID(i, 0, j+1), parent: out.id, name: string(fault.PhaseBackoff)}
		v.setTimes(pause, out, p.Start, p.End)
		if p.End.IsZero() {
			at = fault.PhaseBackoff
			pause.fault = v.blame(nil, p.End, at)
		}
		out.children = append(out.children, pause)
	}
	out.fault = v.blame(s.Err, s.End, at)
	return out
}

// attempt makes the span of an attempt. The phase that it ended in has its fault too.
func (v *spanBuilder) attempt(step *span, i, j int, a *evidence.AttemptView) *span {
	out := &span{
		id:       v.spanID(i, j, 0),
		parent:   step.id,
		call:     v.newCall(a),
		children: make([]*span, len(a.Phases)),
	}
	out.name = out.call.name
	v.setTimes(out, step, a.Start, a.End)
	var at fault.Phase
	phases := make([]span, len(a.Phases))
	for k, p := range a.Phases {
		end := a.End
		if k+1 < len(a.Phases) {
			end = a.Phases[k+1].Start
		}
		at = p.Name
		phases[k] = span{id: v.spanID(i, j, k+1), parent: out.id, name: string(p.Name)}
		v.setTimes(&phases[k], out, p.Start, end)
		out.children[k] = &phases[k]
	}
	out.fault = v.blame(a.Err, a.End, at)
	if n := len(phases); n > 0 {
		phases[n-1].fault = out.fault
	}
	return out
}

// setTimes sets a span's start and end, which are within its parent's. A span that has not
// ended, though the operation has, ends with its parent.
func (v *spanBuilder) setTimes(s, parent *span, start, end time.Time) {
	s.start = v.micros(start)
	if !end.IsZero() {
		s.end = v.micros(end)
	}
	if parent != nil && !parent.inProgress() {
		if s.end == 0 || s.end > parent.end {
			s.end = parent.end
		}
		s.start = min(s.start, s.end)
	}
}

// micros is a time in microseconds since 1970. It is computed from the operation's start, so
// that no child is before its parent if the clock was set meanwhile.
func (v *spanBuilder) micros(t time.Time) int64 { return v.startMicros + t.Sub(v.start).Microseconds() }

// blame is the fault of what ended with err. What had not ended when the operation did is a
// fault too: it was in the phase at.
func (v *spanBuilder) blame(err error, end time.Time, at fault.Phase) *fault.Error {
	if !end.IsZero() || !v.over {
		return fault.From(err)
	}
	kind := fault.Canceled
	if v.fault != nil && v.fault.Kind == fault.Timeout {
		kind = fault.Timeout
	}
	if at == "" {
		return fault.New(kind, "had not ended when the operation did")
	}
	return fault.New(kind, "was in phase %s (%s) when the operation ended", at, at.Meaning())
}

// spanID is the unique id of the operation (0, 0, 0), of its i-th step (i, 0, 0), of the
// step's j-th attempt (i, j, 0), of the attempt's k-th phase (i, j, k) or of the step's
// k-th pause (i, 0, k). It is the same in every snapshot of the trace.
func (t *Trace) spanID(i, j, k int) string {
	return hex(mix(t.seed ^ (uint64(i)<<48 | uint64(j)<<20 | uint64(k))))
}

// mix is SplitMix64's finalizer, a bijection that scatters its input.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hex is x in 16 hexadecimal digits.
func hex(x uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[x>>(60-4*i)&15]
	}
	return string(b[:])
}
