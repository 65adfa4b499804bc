package evidence

import (
	"slices"
	"time"

	"ragtime/shared/fault"
)

// Position is where an operation is at one moment.
type Position struct {
	Step    fault.Step
	Phase   fault.Phase
	Call    int           // which of the step's calls, from 1; 0 between attempts
	Attempt int           // which of the call's attempts, from 1; 0 between attempts
	Elapsed time.Duration // since the phase started; without a phase, since the step started
}

// Timing is how long a step took in all; an operation may enter it several times.
type Timing struct {
	Step     fault.Step
	Duration time.Duration
	Attempts int
	Outcome  fault.Outcome
}

// Snapshot is a copy of a record at one moment. What has not ended has a zero End.
type Snapshot struct {
	Start time.Time
	Steps []StepView // ordered by Start; they may overlap
}

// StepView is one step of a Snapshot.
type StepView struct {
	Name       fault.Step
	Start, End time.Time
	Err        error
	Attempts   []AttemptView // of all calls, ordered by Start
	Pauses     []Pause       // phase backoff
}

// AttemptView is one attempt of a Snapshot.
type AttemptView struct {
	Number     int // within its call, from 1
	Start, End time.Time
	Phases     []Phase
	Connection string // "new" or "reused"; empty before there was one
	Exchange   Exchange
	Err        error
	Lost       Loss // empty if no later attempt answered first
}

// Pause is a time between attempts.
type Pause struct{ Start, End time.Time }

// Elapsed is the time since the operation began.
func (r *Record) Elapsed() time.Duration { return time.Since(r.start) }

// Snapshot copies the record as it is now.
func (r *Record) Snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Snapshot{Start: r.start, Steps: make([]StepView, len(r.steps))}
	for i, s := range r.steps {
		v := StepView{
			Name:   s.name,
			Start:  s.start,
			End:    s.end,
			Err:    s.err,
			Pauses: slices.Clone(s.pauses),
		}
		if !s.backoff.IsZero() {
			v.Pauses = append(v.Pauses, Pause{Start: s.backoff})
		}
		for _, a := range s.attempts {
			v.Attempts = append(v.Attempts, AttemptView{
				Number:     a.number,
				Lost:       a.lost,
				Start:      a.start,
				End:        a.end,
				Phases:     slices.Clone(a.phases),
				Connection: a.connection,
				Exchange:   a.exchange,
				Err:        a.err,
			})
		}
		out.Steps[i] = v
	}
	return out
}

// Position tells where the operation waits now: in the last step that has not ended, and
// there in the attempt that is longest in its phase. The zero Position means that it
// waits on nothing outside.
func (r *Record) Position() Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.steps) - 1; i >= 0; i-- {
		if s := r.steps[i]; s.end.IsZero() {
			return s.position(time.Now())
		}
	}
	return Position{}
}

func (s *Step) position(now time.Time) Position {
	var out Position
	for _, a := range s.attempts {
		if !a.end.IsZero() {
			continue
		}
		if p := a.position(now); out.Attempt == 0 || p.Elapsed > out.Elapsed {
			out = p
		}
	}
	switch {
	case out.Attempt > 0:
		return out
	case !s.backoff.IsZero():
		return Position{Step: s.name, Phase: fault.PhaseBackoff, Elapsed: now.Sub(s.backoff)}
	}
	return Position{Step: s.name, Elapsed: now.Sub(s.start)}
}

// Timings lists the steps in the order in which they were first entered. A step that has
// not ended counts up to now.
func (r *Record) Timings() []Timing {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Timing
	at := map[fault.Step]int{}
	for _, s := range r.steps {
		i, seen := at[s.name]
		if !seen {
			i = len(out)
			at[s.name] = i
			out = append(out, Timing{Step: s.name, Outcome: fault.OK})
		}
		end := s.end
		if end.IsZero() {
			end = time.Now()
		}
		out[i].Duration += end.Sub(s.start)
		out[i].Attempts += len(s.attempts)
		if o := fault.OutcomeOf(s.err); o != fault.OK {
			out[i].Outcome = o
		}
	}
	return out
}
