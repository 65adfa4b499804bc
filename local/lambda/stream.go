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

// Stream is a response on its way: it gives what the function writes, as it comes. Nothing is kept for a slow
// reader: the function waits until it has read. Close it, read to its end or not.
//
// Lambda promises nothing to the function whose reader goes away: "streamed responses are not interrupted or
// stopped when the invoking client connection is broken", and the time to the function's end is billed
// (Lambda developer guide, "Response streaming for Lambda functions"); nor is the function told
// (aws/aws-lambda-nodejs-runtime-interface-client, issue 145). Here it is told: the Runtime API accepts
// the response where it is when the reader is gone. aws-lambda-go then closes the reader that the function gave
// it, and asks for the next invocation. So a function that stops its work on that Close can be tested. In
// Lambda it needs a limit of its own besides.
type Stream struct {
	ContentType string // as the function gave it
	RequestID   string
	TraceID     string // the header as the function got it

	ctx  context.Context
	pipe *responsePipe
	stop func() bool // ends the watch over ctx
}

// InvokeStream runs one invocation and returns its response when it begins, the errors being those of Invoke. The
// response may be as long as 200 MB. When ctx ends, at whatever time, the reader is gone, as after Stream.Close.
func (s *Service) InvokeStream(ctx context.Context, function string, in Invocation) (*Stream, error) {
	f := newResponsePipe()
	j, err := s.submit(ctx, function, in, f)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, f.closeReader)
	select {
	case contentType := <-f.started:
		return &Stream{contentType, j.requestID, j.traceID, ctx, f, stop}, nil
	case end := <-j.done:
		select {
		case contentType := <-f.started: // its end is read from it
			return &Stream{contentType, j.requestID, j.traceID, ctx, f, stop}, nil
		default:
			stop()
			return nil, fmt.Errorf("lambda: invoke %s: %w", function, end.err)
		}
	case <-ctx.Done():
		return nil, callerLeftError(ctx, function)
	}
}

// Read returns io.EOF when the function ended its response; an *Error when it failed, or its process ended, in the
// middle; ErrClosed; and ctx's error when that has ended.
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

// responsePipe takes a response from the Runtime API to its Stream.
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
	f := &responsePipe{started: make(chan string, 1), readerGone: make(chan struct{})}
	f.reader, f.writer = io.Pipe()
	f.closeReader = sync.OnceFunc(func() {
		close(f.readerGone)
		f.reader.Close()
	})
	return f
}

// begin reports false if the response was begun before.
func (f *responsePipe) begin(contentType string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hasBegun {
		return false
	}
	f.hasBegun, f.copying = true, true
	f.started <- contentType
	return true
}

// copy passes body on until its end. When nobody reads any more it drops the rest.
func (f *responsePipe) copy(body io.Reader) error {
	defer f.copyDone()
	buf := make([]byte, 32<<10)
	for total := 0; ; {
		n, err := body.Read(buf)
		if over := total + n - maxStream; over > 0 {
			f.writer.Write(buf[:n-over])
			return errTooLong
		}
		total += n
		if n > 0 {
			f.writer.Write(buf[:n]) // fails when nobody reads
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f *responsePipe) copyDone() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.copying = false
	if f.end != nil {
		f.writer.CloseWithError(f.end)
	}
}

// finish ends the stream, with err or io.EOF, after all that the process wrote. When the service is closed, nobody
// waits for a reader.
func (f *responsePipe) finish(err error) {
	if err == nil {
		err = io.EOF
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end != nil {
		return
	}
	f.end = err
	if !f.copying || errors.Is(err, ErrClosed) {
		f.writer.CloseWithError(err)
	}
}
