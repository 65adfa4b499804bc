package evidence

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ragtime/shared/fault"
)

// Whole is the summary of a step, with all its calls, at one moment.
type Whole struct {
	Name     fault.Step
	Elapsed  time.Duration
	Calls    int
	Attempts []fault.Attempt // oldest first; of more than maxAttempts, successes are left out
	// Longest is the phase that took most of the time of all attempts and pauses, added
	// up, and Spent is how long it took.
	Longest fault.Phase
	Spent   time.Duration
}

// maxAttempts is about how many attempts an answer lists. A put may make hundreds.
const maxAttempts = 64

type callKey struct{}

// Call records that the step of ctx starts a call. Attempts in the context that it returns
// belong to that call, which ends with end. Where Call is not used, an attempt with the
// number 1 starts a call.
func Call(ctx context.Context) (_ context.Context, end context.CancelFunc) {
	s, _ := ctx.Value(stepKey{}).(*Step)
	if s == nil {
		s = &Step{record: new(Record), start: time.Now()}
		ctx = context.WithValue(ctx, stepKey{}, s)
	}
	c := &call{step: s}
	c.ctx, end = context.WithCancel(context.WithValue(ctx, callKey{}, c))
	return c.ctx, end
}

// CallContext returns the context of the call that the attempt of ctx belongs to. It ends with
// the call: what is for all of its attempts may live as long. Outside of a call it is ctx.
func CallContext(ctx context.Context) context.Context {
	if c, _ := ctx.Value(callKey{}).(*call); c != nil {
		return c.ctx
	}
	return ctx
}

// call is one call of a step.
type call struct {
	ctx    context.Context
	step   *Step
	number int // from 1, in the order of their first attempts; 0 before that
}

// callNumber returns the number, from 1, of the call that an attempt belongs to, which
// starts in ctx and has the given number within its call.
func (s *Step) callNumber(ctx context.Context, number int) int {
	c, _ := ctx.Value(callKey{}).(*call)
	known := c != nil && c.step == s // it may be a call of the step around s
	if known && c.number > 0 {
		return c.number
	}
	if known || number == 1 || s.calls == 0 {
		s.calls++
	}
	if known {
		c.number = s.calls
	}
	return s.calls
}

// WholeOf returns the summary of the step of ctx; outside of a step, the zero Whole.
func WholeOf(ctx context.Context) Whole {
	s, _ := ctx.Value(stepKey{}).(*Step)
	if s == nil {
		return Whole{}
	}
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	now := time.Now()
	w := Whole{Name: s.name, Elapsed: now.Sub(s.start), Calls: s.calls}
	spent := map[fault.Phase]time.Duration{}
	for _, a := range s.attempts {
		summary := a.summary(now)
		if s.calls > 1 {
			summary.Call = a.call
		}
		w.Attempts = append(w.Attempts, summary)
		a.addSpent(spent, now)
	}
	for _, p := range s.pauses {
		spent[fault.PhaseBackoff] += p.End.Sub(p.Start)
	}
	if !s.backoff.IsZero() {
		spent[fault.PhaseBackoff] += now.Sub(s.backoff)
	}
	for _, p := range fault.Phases() {
		if spent[p] > w.Spent {
			w.Longest, w.Spent = p, spent[p]
		}
	}
	if over := len(w.Attempts) - maxAttempts; over > 0 {
		w.Attempts = slices.DeleteFunc(w.Attempts, func(a fault.Attempt) bool {
			over--
			return over >= 0 && a.Error == ""
		})
	}
	return w
}

// addSpent adds the time that the attempt spent in each of its phases.
func (a *Attempt) addSpent(in map[fault.Phase]time.Duration, now time.Time) {
	if !a.end.IsZero() {
		now = a.end
	}
	for i, p := range a.phases {
		end := now
		if i+1 < len(a.phases) {
			end = a.phases[i+1].Start
		}
		in[p.Name] += end.Sub(p.Start)
	}
}

// Timeout returns the phase to blame for a step that did not finish, and a detail that
// says so. That is the phase of at, where the last wait took at least a tenth of the
// step's time or the step made only one call. Otherwise it is the phase that took most of
// the time of all calls: many short waits are not one hang.
func (w Whole) Timeout(at Position) (fault.Phase, string) {
	begin := fmt.Sprintf("step %s did not finish in %.1f s: ", w.Name, w.Elapsed.Seconds())
	switch {
	case at.Phase != "" && (w.Calls <= 1 || at.Elapsed >= w.Elapsed/blamePart || w.Longest == ""):
		attempts, of := 0, ""
		for _, a := range w.Attempts {
			if a.Call == at.Call || w.Calls <= 1 {
				attempts = max(attempts, a.Attempt)
			}
		}
		if w.Calls > 1 {
			of = fmt.Sprintf(" of call %d of %d", at.Call, w.Calls)
		}
		return at.Phase, fmt.Sprintf("%sattempt %d of %d%s was in phase %s (%s) for %.1f s",
			begin, at.Attempt, max(attempts, at.Attempt), of, at.Phase, at.Phase.Meaning(), at.Elapsed.Seconds())
	case w.Longest != "":
		calls := "the only call"
		if w.Calls != 1 {
			calls = fmt.Sprintf("its %d calls", w.Calls)
		}
		return w.Longest, fmt.Sprintf("%s%s spent most, %.1f s in all, in phase %s (%s)",
			begin, calls, w.Spent.Seconds(), w.Longest, w.Longest.Meaning())
	}
	return "", begin + "no call had begun"
}

// blamePart: where a step made several calls, one wait is blamed if it took at least one of
// so many parts of the step's time.
const blamePart = 10
