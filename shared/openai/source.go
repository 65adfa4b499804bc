package openai

import (
	"context"
	"io"

	"ragtime/shared/fault"
)

// boundedBody is a body that is read while time and room are left.
type boundedBody struct {
	ctx       context.Context
	body      io.Reader
	remaining int   // bytes that may still be read, until the reader knows that more are due
	err       error // why no more came, if that was not the body's end
}

func (s *boundedBody) Read(p []byte) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case s.ctx.Err() != nil: // decoding takes its time too
		s.err = context.Cause(s.ctx)
		return 0, s.err
	case s.remaining <= 0:
		s.err = fault.New(fault.Upstream, "openai: the answer is larger than the embeddings that were asked for can be")
		return 0, s.err
	}
	n, err := s.body.Read(p[:min(len(p), s.remaining)])
	s.remaining -= n
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
