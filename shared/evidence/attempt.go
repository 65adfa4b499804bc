package evidence

import (
	"context"
	"time"

	"ragtime/shared/fault"
)

// Attempt is one try of a step.
type Attempt struct {
	step       *Step
	call       int // which of the step's calls, from 1
	number     int // within the call, from 1
	start, end time.Time
	phases     []Phase // at least one; the last is the current one
	connection string  // "new" or "reused"; empty before there is one
	exchange   Exchange
	onSend     func() error
	err        error
	lost       Loss
}

// Loss is how an attempt lost against a later one that answered first.
type Loss string

const (
	Overtaken Loss = "overtaken" // it was slow, for all that is known
	Hung      Loss = "hung"      // it ran for longer than one that is merely slow
)

// Phase is one phase of an attempt. It lasts until the next one starts, or the attempt ends.
type Phase struct {
	Name  fault.Phase
	Start time.Time
}

// Exchange describes an attempt's request and response, as far as the transport knows
// them. It has no content of either, so logs and traces may show it.
type Exchange struct {
	Method    string
	URL       string // scheme, host and path
	Target    string // X-Amz-Target: the AWS service and operation, such as DynamoDB_20120810.GetItem
	Address   string // IP address and port of the connection's other end, which may be a proxy
	Status    int    // of the response; 0 without one
	RequestID string // the remote service's
	Bytes     int64  // of the response's body, as far as it was read
}

type attemptKey struct{}

// NewAttempt records that the step of ctx starts an attempt, in phase blocked. The number
// is the attempt's within its call, from 1. The caller must end it with End.
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

// Current returns the attempt that ctx belongs to; outside of one, an attempt that is in no
// record.
func Current(ctx context.Context) *Attempt {
	if a, _ := ctx.Value(attemptKey{}).(*Attempt); a != nil {
		return a
	}
	now := time.Now()
	return &Attempt{step: &Step{record: new(Record)}, number: 1, start: now, phases: []Phase{{fault.PhaseBlocked, now}}}
}

// Number is the attempt's number within its call, from 1.
func (a *Attempt) Number() int { return a.number }

// Phase records that the attempt entered a phase. An earlier phase than the current one is
// ignored: several goroutines report phases, and a server may answer before it took the
// whole request. Only PhaseBlocked goes back: the attempt moves to another connection,
// and what is known of the last one is forgotten. After End, Phase does nothing, since a
// goroutine that is left over may still report.
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

// OnSend sets a function that is called right before the attempt sends its request. If it
// returns an error, the request is not sent.
func (a *Attempt) OnSend(ask func() error) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.onSend = ask
}

// Alone tells whether OnSend was called: then no other attempt may be made once this one
// has sent its request.
func (a *Attempt) Alone() bool {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	return a.onSend != nil
}

// Send records that the attempt starts to send its request. An error means that it must
// not send it: see OnSend.
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

// At returns the phase that the attempt is in, or ended in.
func (a *Attempt) At() fault.Phase {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	return a.last().Name
}

func (a *Attempt) last() Phase { return a.phases[len(a.phases)-1] }

// Connection records that the attempt uses a connection, a new or a reused one.
func (a *Attempt) Connection(reused bool) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.connection = "new"
	if reused {
		a.connection = "reused"
	}
}

// Exchange calls edit with the attempt's exchange, to change it. After End it does nothing.
func (a *Attempt) Exchange(edit func(*Exchange)) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	if a.end.IsZero() {
		edit(&a.exchange)
	}
}

// Overtaken records that a later attempt answered first. It tells whether this one hung: it
// has run for longer than the given time, which no slow attempt takes.
func (a *Attempt) Overtaken(hang time.Duration) (hung bool) {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.lost = Overtaken
	if time.Since(a.start) > hang {
		a.lost = Hung
	}
	return a.lost == Hung
}

// End records how the attempt ended, and returns its summary.
func (a *Attempt) End(err error) fault.Attempt {
	a.step.record.mu.Lock()
	defer a.step.record.mu.Unlock()
	a.end = time.Now()
	a.err = err
	return a.summary(a.end)
}

// summary is the attempt as it is now, or as it ended.
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

// position is where the attempt is now, or where it ended.
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

// Longest returns the position of the attempt that is, or was at its end, longest in its
// phase. Where several attempts of a step hang, that one is blamed.
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

// Paused is the position of a call that pauses after this attempt, before its next one.
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
