package evidence

import (
	"time"

	"ragtime/shared/fault"
)

// Position is where an operation is at one moment.
type Position struct {
	Step    fault.Step
	Phase   fault.Phase
	Attempt int           // from 1; 0 between attempts
	Elapsed time.Duration // since the phase began; since the step began where there is no phase
}

// Timing is how long a step took, over all the times it was entered.
type Timing struct {
	Step     fault.Step
	Duration time.Duration
	Attempts int
	Outcome  fault.Outcome
}

// Elapsed is the time since the operation began.
func (r *Record) Elapsed() time.Duration { return time.Since(r.start) }

// Position tells where the operation waits now: the step entered last that has
// not ended, and in it the oldest attempt that has not ended. The zero Position
// means that it waits on nothing outside.
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
	for _, a := range s.attempts {
		if !a.end.IsZero() {
			continue
		}
		p := Position{Step: s.name, Attempt: a.number, Elapsed: now.Sub(a.start)}
		if n := len(a.phases); n > 0 {
			p.Phase, p.Elapsed = a.phases[n-1].name, now.Sub(a.phases[n-1].start)
		}
		return p
	}
	if !s.backoff.IsZero() {
		return Position{Step: s.name, Phase: fault.PhaseBackoff, Elapsed: now.Sub(s.backoff)}
	}
	return Position{Step: s.name, Elapsed: now.Sub(s.start)}
}

// Timings lists the steps in the order in which each was first entered. A step
// that has not ended counts up to now.
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
