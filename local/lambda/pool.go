package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The states of an environment.
const (
	stateStarting = "starting"
	stateBusy     = "busy"
	stateFrozen   = "frozen"
	stateRetired  = "retired" // gets no more jobs
)

// pool holds the environments of one function. Service.mu guards it.
type pool struct {
	function Function
	all      map[*environment]struct{}
	frozen   []*environment // least recently used first
	waiting  []*waiter      // in the order in which they came; while there are any, no environment has room
}

// waiter is a call that waits for an environment.
type waiter struct {
	job        *job
	dispatched chan error // what dispatch returned
}

// dispatchOrWait dispatches j. While every environment is busy it waits, for the function's Wait at most. Those that
// wait get environments in the order in which they came: where any of them could be next, some would wait for ever.
func (s *Service) dispatchOrWait(ctx context.Context, function string, j *job) error {
	s.mu.Lock()
	throttled := s.dispatch(function, j)
	if !errors.Is(throttled, ErrThrottled) || s.pools[function].function.Wait <= 0 {
		s.mu.Unlock()
		return throttled
	}
	p := s.pools[function]
	w := &waiter{j, make(chan error, 1)}
	p.waiting = append(p.waiting, w)
	s.mu.Unlock()

	timer := time.NewTimer(p.function.Wait)
	defer timer.Stop()
	var err error
	select {
	case err := <-w.dispatched:
		return err
	case <-timer.C:
		err = throttled
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.closing:
		err = ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(p.waiting, w)
	if i < 0 {
		return <-w.dispatched // its turn came in the meantime
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	return err
}

// serveWaiters dispatches the jobs of those that wait, as far as there is room. The caller holds s.mu.
func (s *Service) serveWaiters(p *pool) {
	for len(p.waiting) > 0 {
		w := p.waiting[0]
		err := s.dispatch(p.function.Name, w.job)
		if errors.Is(err, ErrThrottled) {
			return
		}
		p.waiting = slices.Delete(p.waiting, 0, 1)
		w.dispatched <- err
	}
}

// dispatch hands j to a frozen environment or to a new one. It does not wait. The caller holds s.mu.
func (s *Service) dispatch(function string, j *job) error {
	if s.closed {
		return ErrClosed
	}
	p := s.pools[function]
	if p == nil {
		return ErrNotFound
	}
	for e := range p.all {
		if p.function.PerProcess > 1 && e.active < p.function.PerProcess && e.state != stateRetired {
			e.active++
			e.jobs <- j // never blocks: it holds fewer jobs than are active
			return nil
		}
	}
	if last := len(p.frozen) - 1; last >= 0 {
		e := p.frozen[last]
		p.frozen = p.frozen[:last]
		e.state = stateBusy
		e.jobs <- j // never blocks: a frozen environment holds no job
		return nil
	}
	if len(p.all) >= p.function.Concurrency {
		return fmt.Errorf("%w (%d)", ErrThrottled, p.function.Concurrency)
	}
	e := newEnvironment(s, p)
	p.all[e] = struct{}{}
	e.active = 1
	e.jobs <- j
	s.running.Go(e.run)
	return nil
}

// release makes e available to dispatch.
func (s *Service) release(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.state = stateFrozen
	e.pool.frozen = append(e.pool.frozen, e)
	s.serveWaiters(e.pool)
}

// withdraw makes e unavailable to dispatch. It reports false when dispatch has given e a job meanwhile.
func (s *Service) withdraw(e *environment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(e.pool.frozen, e)
	if i < 0 {
		return false
	}
	e.pool.frozen = slices.Delete(e.pool.frozen, i, i+1)
	return true
}

// stopDispatch makes e unavailable to dispatch, for good.
func (s *Service) stopDispatch(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.state = stateRetired
}

// stopDispatchIfIdle is stopDispatch if e has no invocation. It reports whether that was so.
func (s *Service) stopDispatchIfIdle(e *environment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.active > 0 {
		return false
	}
	e.state = stateRetired
	return true
}

// endInvocation counts an invocation of e as ended, which makes room for another.
func (s *Service) endInvocation(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.active--
	s.serveWaiters(e.pool)
}

// remove forgets e, whose process is gone, which makes room for another.
func (s *Service) remove(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(e.pool.all, e)
	s.serveWaiters(e.pool)
}
