package lambda

import (
	"fmt"
	"slices"
)

// pool holds the environments of one function. Service.mu guards it.
type pool struct {
	function Function
	all      map[*environment]struct{}
	frozen   []*environment // least recently used first
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

// forget removes e, whose process is gone, and so makes room for another.
func (s *Service) forget(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(e.pool.all, e)
}
