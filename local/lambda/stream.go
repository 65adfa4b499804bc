package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxStream is the longest streamed response, in bytes: Lambda's 200 MB.
const maxStream = 200 << 20

var errTooLong = errors.New("the response is longer than Lambda streams")

// Stream reads a response while the function writes it. Nothing is buffered: the function waits for a slow reader.
// Close it, read to its end or not.
//
// Lambda promises nothing to a function whose reader goes away: "streamed responses are not interrupted or
// stopped when the invoking client connection is broken", and the time to the function's end is billed
// (Lambda developer guide, "Response streaming for Lambda functions"). The function does not learn of it, either
// (aws/aws-lambda-nodejs-runtime-interface-client, issue 145). Here it does: when the reader is gone, the Runtime API
// accepts the response as it is. aws-lambda-go then closes the reader that the function gave it, and asks for the next
// invocation. So one can test a function that stops its work on that Close. In Lambda it also needs a limit of its own.
type Stream struct {
	ContentType string // as the function gave it
	RequestID   string
	TraceID     string // the header as the function got it

	ctx  context.Context
	pipe *responsePipe
	stop func() bool // of the AfterFunc on ctx
}

// InvokeStream runs one invocation and returns when its response begins. The errors are those of Invoke. The response
// may be as long as 200 MB. The end of ctx, at any time, acts like Stream.Close.
func (s *Service) InvokeStream(ctx context.Context, function string, in Invocation) (*Stream, error) {
	pipe := newResponsePipe()
	j, err := s.submit(ctx, function, in, pipe)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, pipe.closeReader)
	stream := &Stream{
		RequestID: j.requestID,
		TraceID:   j.traceID,
		ctx:       ctx,
		pipe:      pipe,
		stop:      stop,
	}
	select {
	case stream.ContentType = <-pipe.started:
		return stream, nil
	case end := <-j.done:
		select {
		case stream.ContentType = <-pipe.started: // the reader finds out how it ended
			return stream, nil
		default:
			stop()
			return nil, fmt.Errorf("lambda: invoke %s: %w", function, end.err)
		}
	case <-ctx.Done():
		return nil, callerLeftError(ctx, function)
	}
}

// Read returns io.EOF at the end of the response, an *Error when the function failed or its process ended in the
// middle, ErrClosed when the service was closed, and ctx's error when ctx has ended.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.pipe.reader.Read(p)
	if errors.Is(err, io.ErrClosedPipe) && s.ctx.Err() != nil {
		err = s.ctx.Err()
	}
	return n, err
}

// Close tells the function that nobody reads its response any more.
func (s *Stream) Close() error {
	s.stop()
	s.pipe.closeReader()
	return nil
}

// responsePipe carries a response from the Runtime API to its Stream.
type responsePipe struct {
	reader      *io.PipeReader
	writer      *io.PipeWriter
	started     chan string   // gets the content type when the response begins
	readerGone  chan struct{} // closed when nobody reads any more
	closeReader func()

	mu       sync.Mutex
	hasBegun bool // the process has begun its response
	copying  bool // the Runtime API is reading it
	end      error
}

func newResponsePipe() *responsePipe {
	p := &responsePipe{started: make(chan string, 1), readerGone: make(chan struct{})}
	p.reader, p.writer = io.Pipe()
	p.closeReader = sync.OnceFunc(func() {
		close(p.readerGone)
		p.reader.Close()
	})
	return p
}

// begin marks the response as begun. It reports false if it was before.
func (p *responsePipe) begin(contentType string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hasBegun {
		return false
	}
	p.hasBegun = true
	p.copying = true
	p.started <- contentType
	return true
}

// copy forwards body until its end. When nobody reads any more, it drops the rest.
func (p *responsePipe) copy(body io.Reader) error {
	defer p.copyDone()
	buf := make([]byte, 32<<10)
	for total := 0; ; {
		n, err := body.Read(buf)
		if over := total + n - maxStream; over > 0 {
			p.writer.Write(buf[:n-over])
			return errTooLong
		}
		total += n
		if n > 0 {
			p.writer.Write(buf[:n]) // fails when nobody reads
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (p *responsePipe) copyDone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.copying = false
	if p.end != nil {
		p.writer.CloseWithError(p.end)
	}
}

// finish ends the stream with err, or with io.EOF for nil, after all that the process wrote. With ErrClosed it does
// not wait for the reader.
func (p *responsePipe) finish(err error) {
	if err == nil {
		err = io.EOF
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return
	}
	p.end = err
	if !p.copying || errors.Is(err, ErrClosed) {
		p.writer.CloseWithError(err)
	}
}
