package openai

import (
	"context"
	"io"

	"ragtime/shared/fault"
)

// boundedBody is an answer's body that fails when its context ends, or when more bytes come
// than remaining allows.
type boundedBody struct {
	ctx       context.Context
	body      io.Reader
	remaining int   // bytes that may still be read; the reader of the answer raises it
	err       error // why Read failed; nil at the body's end
}

func (s *boundedBody) Read(p []byte) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case s.ctx.Err() != nil: // checked here too, since decoding takes time between reads
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
