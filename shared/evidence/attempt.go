package evidence

import (
	"context"
	"time"

	"ragtime/shared/fault"
)

// Attempt is one try of a step.
type Attempt struct {
	step       *Step
	call       int // of the step's, from 1
	number     int
	start, end time.Time
	phases     []Phase
	connection string
	exchange   Exchange
	onSend     func() error
	err        error
	hung       bool
}

// Phase is one phase of an attempt; it lasted until the next one began.
type Phase struct {
	Name  fault.Phase
	Start time.Time
}

// Exchange is what an attempt asked and was told, as far as the transport knows
// it and anyone may. Nothing in it is content.
type Exchange struct {
	Method    string
	URL       string // scheme, host and path
	Target    string // X-Amz-Target: the AWS service and operation, such as DynamoDB_20120810.GetItem
	Address   string // IP address and port that the connection goes to; a proxy's where there is one
	Status    int    // of the response; 0 without one
	RequestID string // the remote service's own name for the request
	Bytes     int64  // of the response's body, as far as it was read
}

type attemptKey struct{}

// NewAttempt notes that the step of ctx begins an attempt of the given number
// (from 1), in phase blocked. The caller ends it with End.
func NewAttempt(ctx context.Context, number int) (context.Context, *Attempt) {
	s, _ := ctx.Value(stepKey{}).(*Step)
	if s == nil {
		s = &Step{record: new(Record)}
	}
	a := &Attempt{step: s, number: number, start: time.Now()}
	a.phases = []Phase{{fault.PhaseBlocked, a.start}}
	s.record.mu.Lock()
	s.resume()
	a.call = s.callNumber(ctx, number)
	s.attempts = append(s.attempts, a)
	s.record.mu.Unlock()
	return context.WithValue(ctx, attemptKey{}, a), a
}

// Current is the attempt that ctx belongs to. Outside of one it is an attempt
// that nobody reads.
func Current(ctx context.Context) *Attempt {
	if a, _ := ctx.Value(attemptKey{}).(*Attempt); a != nil {
		return a
	}
	now := time.Now()
	return &Attempt{step: &Step{record: new(Record)}, number: 1, start: now, phases: []Phase{{fault.PhaseBlocked, now}}}
}

// Number counts the attempts of a call from 1.
func (a *Attempt) Number() int { return a.number }

// Phase notes that the attempt entered a phase. Phases go forward only: reports
// of a connection come from several goroutines, and a server may answer before
// it took the request. PhaseBlocked starts anew, as a call does that moves to
// another connection: what was known of the one before is forgotten. An attempt that ended stays as it ended, which its
// left-over goroutines may not know.
func (a *Attempt) Phase(p fault.Phase) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	if !a.end.IsZero() {
		return
	}
	switch last := a.last().Name; {
	case p == fault.PhaseBlocked && last == p:
		return
	case p == fault.PhaseBlocked:
		a.connection = ""
		a.exchange = Exchange{Method: a.exchange.Method, URL: a.exchange.URL, Target: a.exchange.Target}
	case !last.Before(p):
		return
	}
	a.phases = append(a.phases, Phase{p, time.Now()})
}

// OnSend sets what is asked right before the attempt sends its request. An error
// keeps it from sending.
func (a *Attempt) OnSend(ask func() error) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.onSend = ask
}

// Alone tells whether the attempt asks before it sends: no other one may take its
// place once it has.
func (a *Attempt) Alone() bool {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	return a.onSend != nil
}

// Send notes that the attempt begins to send its request, unless it must not.
func (a *Attempt) Send() error {
	a.step.record.mu.Lock()
	ask := a.onSend
	a.step.record.mu.Unlock()
	if ask != nil {
		if err := ask(); err != nil {
			return err
		}
	}
	a.Phase(fault.PhaseSend)
	return nil
}

// At is the phase that the attempt is in, or ended in.
func (a *Attempt) At() fault.Phase {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	return a.last().Name
}

func (a *Attempt) last() Phase { return a.phases[len(a.phases)-1] }

// Connection notes which connection the attempt rides.
func (a *Attempt) Connection(reused bool) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.connection = "new"
	if reused {
		a.connection = "reused"
	}
}

// Exchange lets edit change what is known of the attempt's exchange.
func (a *Attempt) Exchange(edit func(*Exchange)) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	if a.end.IsZero() {
		edit(&a.exchange)
	}
}

// Hung notes that the attempt is given up as one that hangs: another one answered,
// long after nearly all attempts had.
func (a *Attempt) Hung() {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.hung = true
}

// End notes how the attempt ended, and tells of it.
func (a *Attempt) End(err error) fault.Attempt {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.end = time.Now()
	a.err = err
	return a.summary(a.end)
}

// summary tells of the attempt as it is now, or as it ended.
func (a *Attempt) summary(now time.Time) fault.Attempt {
	out := fault.Attempt{Attempt: a.number, Phase: a.last().Name, Connection: a.connection}
	switch {
	case a.end.IsZero():
		out.Error = "was under way"
	case a.err != nil:
		out.Error = fault.From(a.err).Detail
	}
	if !a.end.IsZero() {
		now = a.end
	}
	out.ElapsedMS = now.Sub(a.start).Milliseconds()
	return out
}

// position is where the attempt is at the moment; where it ended, once it has.
func (a *Attempt) position(now time.Time) Position {
	if !a.end.IsZero() {
		now = a.end
	}
	at := a.last()
	return Position{
		Step:    a.step.name,
		Phase:   at.Name,
		Attempt: a.number,
		Elapsed: now.Sub(at.Start),
		Call:    a.call,
	}
}

// Longest picks, among attempts of one step, the position of the one that is, or
// ended, longest in its phase: where several hang, it is the one to blame.
func Longest(attempts []*Attempt) Position {
	var out Position
	now := time.Now()
	for i, a := range attempts {
		a.step.record.mu.Lock()
		p := a.position(now)
		a.step.record.mu.Unlock()
		if i == 0 || p.Elapsed > out.Elapsed {
			out = p
		}
	}
	return out
}

// Paused is the position of a call whose last attempt this was, and whose next one
// has not begun.
func (a *Attempt) Paused() Position {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	return Position{
		Step:    a.step.name,
		Phase:   fault.PhaseBackoff,
		Attempt: a.number,
		Elapsed: time.Since(a.end),
		Call:    a.call,
	}
}
