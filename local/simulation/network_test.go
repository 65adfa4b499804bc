package simulation

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// network is a service's, and the memory that a client has of it. It stands for
// wire, which wired_test.go drives itself.
type network struct {
	*service
	start   time.Time
	freezes []window

	wired  *wired // nil: it is modelled
	random *rand.Rand
	known  known

	mu     sync.Mutex
	idle   []resting
	failed map[[2]int]time.Time // by what (server or host) and number
}

type resting struct {
	host int
	used time.Time
}

const (
	aServer, aHost = 0, 1

	connectLimit = 3 * time.Second // of dns, connect and tls
	silenceLimit = 5 * time.Second // of send and receive
	grudge       = 30 * time.Second
	idleLimit    = time.Minute
)

// walk is one attempt under way.
type walk struct {
	*network
	ctx     context.Context
	attempt *evidence.Attempt
	call    *call
	trial   *trial
	random  *rand.Rand
	host    int

	strayIn, failsIn fault.Phase
	moved            atomic.Bool  // to another connection; wired only
	dialing          atomic.Int32 // sockets that are being opened; wired only
	fails, normal    float64      // how it fails, and how slow it is
}

// try is an attempt of a call: what attempt.Do calls. Its value is its number.
func (c *call) try(ctx context.Context) (number int, err error) {
	w := &walk{network: c.network, ctx: ctx, attempt: evidence.Current(ctx), call: c}
	number = w.attempt.Number()
	w.trial = c.began(number)
	w.random = rand.New(rand.NewPCG(c.seed, uint64(number)))
	w.drawFate(w.random)
	if c.network.wired != nil {
		w.fails, w.normal = w.random.Float64(), w.random.NormFloat64()
		defer func() {
			w.over(err != nil, ctx.Err() != nil)
			c.ended(w.trial, err, ctx)
		}()
		return number, c.network.wired.try(ctx, w)
	}
	defer func() {
		c.ended(w.trial, err, ctx)
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Internal && w.random.IntN(2) == 0 {
			panic(e)
		}
	}()
	return number, w.run()
}

func (w *walk) run() error {
	at := func(p fault.Phase, takes time.Duration, limit time.Duration) error {
		w.enter(p)
		if w.silentIn(p) || w.strayIn == p {
			return w.hang(limit)
		}
		if err := w.sleep(takes); err != nil {
			return err
		}
		if w.failsIn == p {
			return w.failure(p)
		}
		return nil
	}
	if err := w.connect(at); err != nil {
		return err
	}
	if err := w.send(); err != nil {
		return err
	}
	if w.silentIn(fault.PhaseSend) {
		return w.hang(silenceLimit)
	}
	answers := time.Duration(float64(w.median) * math.Exp(w.sigma*w.random.NormFloat64()))
	if err := at(fault.PhaseWait, answers, 0); err != nil {
		return err
	}
	if w.stream {
		w.call.committed(w.trial)
		attempt.Commit(w.ctx)
		answers *= pick(w.random, time.Duration(2), 10, 50)
	}
	if err := at(fault.PhaseReceive, w.trip+answers/10, silenceLimit); err != nil {
		if w.call.ctx.Err() != context.DeadlineExceeded || w.random.IntN(4) > 0 {
			return err
		} // the answer is whole at the last moment
	}
	w.learn(aHost, w.host, true)
	w.mu.Lock()
	w.idle = append(w.idle, resting{w.host, time.Now()})
	w.mu.Unlock()
	return nil
}

// connect gets a connection: one that rested, or a new one.
func (w *walk) connect(at func(fault.Phase, time.Duration, time.Duration) error) error {
	w.enter(fault.PhaseBlocked)
	if w.trial.number == 1 {
		if rested, age := w.lend(); rested != nil {
			w.host = rested.host
			if w.dies == 0 || age < w.dies {
				w.connected("reused")
				return nil
			}
			if w.silent {
				w.connected("reused")
				if err := w.send(); err != nil {
					return err
				}
				w.enter(fault.PhaseWait)
				return w.hang(0)
			}
			w.enter(fault.PhaseBlocked) // it was closed: the attempt moves on
		}
	}
	if err := w.lookUp(); err != nil {
		return err
	}
	if err := w.dial(at); err != nil {
		return err
	}
	w.connected("new")
	return at(fault.PhaseTLS, w.trip, connectLimit)
}

// lookUp asks the DNS servers, the next one after a second.
func (w *walk) lookUp() error {
	w.enter(fault.PhaseDNS)
	limit := time.Now().Add(connectLimit)
	for _, i := range w.order(aServer, len(w.servers)) {
		if !w.isBad(w.servers[i]) {
			return w.sleep(w.trip)
		}
		w.learn(aServer, i, false)
		if w.servers[i].phase == "" {
			continue
		}
		if err := w.sleep(time.Second); err != nil {
			return err
		}
	}
	if w.servers[0].phase == "" {
		return &fault.Error{Kind: fault.Unavailable, Detail: "its name cannot be resolved"}
	}
	return w.hang(time.Until(limit))
}

// dial tries the addresses, the next one after a moment of silence.
func (w *walk) dial(at func(fault.Phase, time.Duration, time.Duration) error) error {
	w.enter(fault.PhaseConnect)
	silent := false
	for _, i := range w.order(aHost, len(w.hosts)) {
		h := w.hosts[i]
		if !w.isBad(h) || h.phase != "" && h.phase != fault.PhaseConnect {
			w.host = i
			w.call.uses(w.trial, i)
			return at(fault.PhaseConnect, w.trip, connectLimit)
		}
		w.learn(aHost, i, false)
		if h.phase == fault.PhaseConnect {
			silent = true
			if err := w.sleep(250 * ms); err != nil {
				return err
			}
		}
	}
	if silent {
		return w.hang(connectLimit)
	}
	return &fault.Error{Kind: fault.Unavailable, Detail: "it cannot be connected to"}
}

func (w *walk) send() error {
	if err := w.attempt.Send(); err != nil {
		return err
	}
	w.call.entered(w.trial, fault.PhaseSend)
	w.call.sent(w.trial)
	return nil
}

// enter says where the attempt is: to the engine, and to the model.
func (w *walk) enter(p fault.Phase) {
	w.attempt.Phase(p)
	w.call.entered(w.trial, p)
}

func (w *walk) connected(how string) {
	w.attempt.Connection(how == "reused")
	w.call.connected(w.trial, how)
}

// silentIn tells whether the address is silent in a phase at the moment.
func (w *walk) silentIn(p fault.Phase) bool {
	h := w.hosts[w.host]
	return h.phase == p && w.isBad(h)
}

func (n *network) isBad(h host) bool {
	_, bad := within(h.bad, time.Since(n.start))
	return bad
}

// sleep is for what takes a time; what would end in a freeze ends after it.
func (w *walk) sleep(d time.Duration) error {
	d += time.Duration(w.random.Int64N(int64(100 * time.Microsecond))) // two things seldom happen at one moment
	if until, frozen := within(w.freezes, time.Since(w.start)+d); frozen {
		d = until - time.Since(w.start) + time.Duration(w.random.Int64N(int64(10*ms)))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// hang is for what never ends: the phase's limit ends it, or the context does.
func (w *walk) hang(limit time.Duration) error {
	if limit <= 0 {
		limit = time.Hour
	}
	w.learn(aHost, w.host, false)
	if err := w.sleep(limit); err != nil {
		return err
	}
	return fault.New(fault.Timeout, "a phase's limit")
}

// failure is what an attempt may meet in a phase.
func (w *walk) failure(p fault.Phase) error {
	f := &fault.Error{Kind: fault.Unavailable, Detail: "it failed"}
	if p != fault.PhaseConnect {
		f.Kind = pick(w.random, fault.Unavailable, fault.Unavailable, fault.RateLimited, fault.RateLimited, fault.Upstream,
			fault.QuotaExhausted, fault.Conflict, fault.Internal)
	}
	if f.Kind == fault.RateLimited && w.random.IntN(2) == 0 {
		f.RetryAfter = time.Duration(w.random.ExpFloat64() * float64(pick(w.random, 100*ms, 2*time.Second, 20*time.Second)))
	}
	return f
}
