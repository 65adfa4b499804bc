package wire

import (
	"context"
	"errors"
	"sync"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// errEnded is the cause of an exchange's context that nothing else ended.
var errEnded = errors.New("the exchange has ended")

// watch follows an exchange through its phases, and ends it when one passes its
// limit. The reports come from several goroutines of net/http; those that come
// late are ignored.
type watch struct {
	ctx     context.Context // ends with the request's, with the exchange, or when a limit passed
	cancel  context.CancelCauseFunc
	attempt *evidence.Attempt

	mu    sync.Mutex
	phase fault.Phase
	limit time.Duration // the phase's; 0 for none
	moved time.Time     // since when nothing moved in it
	timer *time.Timer   // runs check; nil before the first limit
	ended bool
}

func newWatch(ctx context.Context, a *evidence.Attempt) *watch {
	w := &watch{attempt: a}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

// enter moves the exchange forward to a phase, or gives the present one a new
// limit. From now on, the phase may last that long without progress.
func (w *watch) enter(p fault.Phase, limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || p.Before(w.phase) {
		return
	}
	if p != w.phase {
		w.attempt.Phase(p)
	}
	w.phase, w.limit, w.moved = p, limit, time.Now()
	switch {
	case w.timer == nil && limit > 0:
		w.timer = time.AfterFunc(limit, w.check)
	case w.timer != nil && limit > 0:
		w.timer.Reset(limit)
	case w.timer != nil:
		w.timer.Stop()
	}
}

// progress starts the phase's limit anew. It is called for every packet, so it
// leaves the timer alone.
func (w *watch) progress(p fault.Phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase == p {
		w.moved = time.Now()
	}
}

// check ends the exchange if its phase passed its limit.
func (w *watch) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.limit == 0 {
		return
	}
	if left := w.limit - time.Since(w.moved); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.cancel(fault.New(fault.Timeout, "%s for %.1f s", w.phase.Meaning(), w.limit.Seconds()))
}

// reached tells whether the exchange got as far as the phase.
func (w *watch) reached(p fault.Phase) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.phase.Before(p)
}

// end lets go of the exchange.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cancel(errEnded)
}
