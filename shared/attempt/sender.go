package attempt

import (
	"sync"

	"ragtime/shared/fault"
)

// errYielded ends an attempt that was connected when another had sent already.
var errYielded = fault.New(fault.Canceled, "another attempt was connected first")

// sender is the one attempt of a call that may have its request under way.
type sender struct {
	mu     sync.Mutex
	number int // 0: none
}

// claim makes the attempt the sender, or says that there is one.
func (s *sender) claim(number int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.number != 0 && s.number != number {
		return errYielded
	}
	s.number = number
	return nil
}

// release is for an attempt that ended.
func (s *sender) release(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.number == number {
		s.number = 0
	}
}

func (s *sender) sent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number != 0
}
