package lambda

import (
	"strings"
	"time"
)

// maxTail is how much of an invocation's log the Invoke API gives: the last 4 KB.
const maxTail = 4 << 10

// tailBuffer keeps the end of an invocation's log.
type tailBuffer struct{ text string }

func (t *tailBuffer) add(line string) {
	t.text += line + "\n"
	if over := len(t.text) - maxTail; over > 0 {
		t.text = strings.ToValidUTF8(t.text[over:], "")
	}
}

// recordTail records the end of the log of an invocation that is about to begin. Calling text ends the recording.
func (s *Service) recordTail(requestID string) (text func() string) {
	t := new(tailBuffer)
	s.logMu.Lock()
	s.tails[requestID] = t
	s.logMu.Unlock()
	return func() string {
		s.logMu.Lock()
		defer s.logMu.Unlock()
		delete(s.tails, requestID)
		return t.text
	}
}

func (s *Service) log(l Line) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	if t := s.tails[l.RequestID]; t != nil {
		t.add(l.Text)
	}
	if s.options.Log == nil {
		return
	}
	l.Time = time.Now()
	s.options.Log(l)
}
