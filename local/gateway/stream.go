package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Streamer is an [Invoker] that can also stream. Routes that stream need one.
//
// InvokeStream runs a function like Invoke, and returns when its response begins. The response's Read gives
// io.EOF at its end, and another error when the function failed in the middle. Closing the response or ending ctx
// tells Lambda that nobody reads any more, and ends a Read.
type Streamer interface {
	Invoker
	InvokeStream(ctx context.Context, name string, payload []byte, traceID string) (io.ReadCloser, error)
}

const (
	// maxMetadata limits what a streamed response begins with: JSON, then eight zero bytes. It "must appear within
	// the first 16 KB" ("Set up a Lambda proxy integration with payload response streaming in API Gateway").
	maxMetadata = 16 << 10
	// defaultIdleTimeout is how long a regional endpoint lets a stream be silent ("Stream the integration response
	// for your proxy integrations in API Gateway").
	defaultIdleTimeout = 5 * time.Minute
)

var (
	delimiter = make([]byte, 8)

	errLeft     = errors.New("the client left")
	errTimedOut = errors.New("the integration timed out")
	errIdle     = errors.New("the stream was silent for too long")
)

// stream invokes the function and forwards its response while it comes. A failure before the end of the metadata
// is answered with an error. A later one cuts the response: the client misses the last chunk. The integration's
// timeout covers the whole response.
func (g *Gateway) stream(log *slog.Logger, w http.ResponseWriter, r *http.Request, in invocation) {
	if !g.enter() {
		throttled.write(w)
		return
	}
	defer g.running.Done()
	ctx, cancel := context.WithCancelCause(g.ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.Context(), func() { cancel(errLeft) })()
	defer time.AfterFunc(g.timeoutOf(in.route), func() { cancel(errTimedOut) }).Stop()

	source, reply, err := g.begin(ctx, in)
	log = log.With("function", in.function)
	if err != nil {
		g.refuseStream(ctx, log, w, err)
		return
	}
	defer source.Close()
	reply.write(w)
	if err := g.forward(ctx, cancel, w, source); err != nil {
		cancel(nil) // so that the function learns of it before the client; does nothing after another cancel
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			err = cause
		}
		log.Error("stream broken off", "error", err)
		abort(r)
	}
}

// begin invokes the function and reads its response's metadata. The rest of the response is the reply's body, then
// source.
func (g *Gateway) begin(ctx context.Context, in invocation) (source io.ReadCloser, _ *reply, _ error) {
	streamer, ok := g.invoker.(Streamer)
	if !ok {
		return nil, nil, errors.New("this gateway's invoker does not stream")
	}
	source, err := streamer.InvokeStream(ctx, in.function, in.payload, in.traceID)
	if err != nil {
		return nil, nil, err
	}
	reply, err := readMetadata(source)
	if err != nil {
		source.Close()
		return nil, nil, err
	}
	return source, reply, nil
}

// refuseStream answers a request whose stream did not begin.
func (g *Gateway) refuseStream(ctx context.Context, log *slog.Logger, w http.ResponseWriter, err error) {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errLeft):
		log.Warn("client hung up")
	case errors.Is(cause, errTimedOut):
		log.Error("integration timed out")
		integrationTimeout.write(w)
	case errors.Is(cause, errClosed), errors.Is(err, ErrThrottled):
		log.Error("integration failed", "error", err)
		throttled.write(w)
	default:
		log.Error("integration failed", "error", err)
		badGateway.write(w)
	}
}

// forward writes source to the client, each piece as it comes, until its end, the end of ctx, or the idle timeout.
// A slow client holds it up.
func (g *Gateway) forward(ctx context.Context, cancel context.CancelCauseFunc, w http.ResponseWriter, source io.Reader) error {
	control := http.NewResponseController(w)
	control.Flush()
	stopWatching := context.AfterFunc(ctx, func() { control.SetWriteDeadline(time.Unix(1, 0)) })
	idle := time.AfterFunc(g.idleTimeout, func() { cancel(errIdle) })
	defer idle.Stop()
	buf := make([]byte, 32<<10)
	for {
		n, err := source.Read(buf)
		idle.Reset(g.idleTimeout)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
				return err
			}
			control.Flush()
		}
		switch {
		case err == nil:
		case err != io.EOF:
			return err
		case !stopWatching(): // the connection cannot be written to any more
			return context.Cause(ctx)
		default:
			return nil
		}
	}
}

// abort ends a response so that the client sees that it is not whole. It does nothing where no server would recover
// the panic.
func abort(r *http.Request) {
	if r.Context().Value(http.ServerContextKey) != nil {
		panic(http.ErrAbortHandler)
	}
}

// metadata is the JSON that begins a streamed response. All fields are optional, others are forbidden.
type metadata struct {
	StatusCode        json.RawMessage          `json:"statusCode"`
	Headers           map[string]headerValue   `json:"headers"`
	MultiValueHeaders map[string][]headerValue `json:"multiValueHeaders"`
	Cookies           []string                 `json:"cookies"`
}

// readMetadata reads a response up to the delimiter. What it has read beyond that is the reply's body.
func readMetadata(source io.Reader) (*reply, error) {
	var read []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := source.Read(buf)
		read = append(read, buf[:n]...)
		i := bytes.Index(read, delimiter)
		if i > maxMetadata || i < 0 && len(read) >= maxMetadata+len(delimiter) {
			return nil, fmt.Errorf("malformed streamed response: no delimiter in its first %d bytes", maxMetadata)
		}
		if i >= 0 {
			return parseMetadata(read[:i], read[i+len(delimiter):])
		}
		if err == io.EOF {
			return nil, errors.New("malformed streamed response: it ends without metadata and delimiter")
		}
		if err != nil {
			return nil, err
		}
	}
}

func parseMetadata(text, body []byte) (*reply, error) {
	var m *metadata
	if err := decodeWhole(text, &m); err != nil {
		return nil, fmt.Errorf("malformed streamed response: metadata %.40q: %w", text, err)
	}
	if m == nil {
		return nil, errors.New("malformed streamed response: metadata is null")
	}
	status, err := statusOf(m.StatusCode)
	if err != nil {
		return nil, err
	}
	r := &reply{status: status, header: mergeHeaders(m.Headers, m.MultiValueHeaders), body: body}
	if len(m.Cookies) > 0 {
		r.header["Set-Cookie"] = append(r.header["Set-Cookie"], m.Cookies...)
	}
	return r, nil
}
