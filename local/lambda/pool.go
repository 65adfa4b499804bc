package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// pool holds the environments of one function. Service.mu guards it.
type pool struct {
	function Function
	all      map[*environment]struct{}
	frozen   []*environment // least recently used first
}

// dispatchOrWait dispatches j, waiting for an environment as long as its function allows.
func (s *Service) dispatchOrWait(ctx context.Context, function string, j *job) error {
	var over <-chan time.Time
	for {
		s.mu.Lock()
		freed := s.freed
		s.mu.Unlock()
		err := s.dispatch(function, j)
		if !errors.Is(err, ErrThrottled) {
			return err
		}
		if over == nil {
			wait := s.pools[function].function.Wait // a pool's function does not change
			if wait <= 0 {
				return err
			}
			timer := time.NewTimer(wait)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-freed:
		case <-over:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return ErrClosed
		}
	}
}

// wakeWaiters wakes the calls that wait for an environment. The caller holds s.mu.
func (s *Service) wakeWaiters() {
	close(s.freed)
	s.freed = make(chan struct{})
}

// dispatch hands j to a frozen environment or to a new one. It does not wait.
func (s *Service) dispatch(function string, j *job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
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
			e.jobs <- j // has room: it holds fewer than are active
			return nil
		}
	}
	if last := len(p.frozen) - 1; last >= 0 {
		e := p.frozen[last]
		p.frozen = p.frozen[:last]
		e.state = "busy"
		e.jobs <- j // has room: e was frozen, so it holds no job
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
	e.state = "frozen"
	e.pool.frozen = append(e.pool.frozen, e)
	s.wakeWaiters()
}

// withdraw takes e back from dispatch. It reports false when e has been given a job meanwhile.
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

// stateRetired is the state of an environment that is given nothing any more.
const stateRetired = "retired"

// stopDispatch makes e one that is given nothing any more.
func (s *Service) stopDispatch(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.state = stateRetired
}

// stopDispatchIfIdle does so if e serves nothing.
func (s *Service) stopDispatchIfIdle(e *environment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.active > 0 {
		return false
	}
	e.state = stateRetired
	return true
}

// endInvocation makes room in e for another invocation.
func (s *Service) endInvocation(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.active--
	s.wakeWaiters()
}

// remove removes e, whose process is gone, and so makes room for another.
func (s *Service) remove(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(e.pool.all, e)
	s.wakeWaiters()
}
