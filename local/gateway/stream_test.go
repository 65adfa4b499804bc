package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const streamTemplate = `
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      DefinitionBody:
        paths:
          /answer:
            post:
              x-amazon-apigateway-integration:
                uri: !Sub "x/functions/${AnswerFunction.Arn}:live/response-streaming-invocations"
                responseTransferMode: STREAM
  AnswerFunction: {Type: "AWS::Serverless::Function"}
`

// function is a Streamer whose responses the test writes.
type function struct {
	invoke
	calls chan call
}

// call is one invocation. The response begins with the first write to it.
type call struct {
	ctx      context.Context
	response *io.PipeWriter
	begin    chan error
	payload  string
}

func newFunction() *function { return &function{calls: make(chan call, 64)} }

func (f *function) InvokeStream(ctx context.Context, name string, payload []byte, _ string) (io.ReadCloser, error) {
	r, w := io.Pipe()
	c := call{ctx, w, make(chan error, 1), name + string(payload)}
	f.calls <- c
	select {
	case err := <-c.begin:
		context.AfterFunc(ctx, func() { r.Close() })
		return r, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c call) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.response, text); err != nil {
		t.Fatal(err)
	}
}

const prelude = `{"statusCode":201,"headers":{"Content-Type":"text/event-stream"}}` + "\x00\x00\x00\x00\x00\x00\x00\x00"

// serveStreams is serve for streamTemplate. Unless opt says otherwise, no limit of time ends a response.
func serveStreams(t *testing.T, f Invoker, opt Options) (*Gateway, *httptest.Server) {
	t.Helper()
	template, err := loadText(t, streamTemplate, nil)
	if err != nil {
		t.Fatal(err)
	}
	if opt.IntegrationTimeout == 0 {
		opt.IntegrationTimeout = time.Hour
	}
	return startServer(t, template, f, opt)
}

type outcome struct {
	*http.Response
	err error
}

func post(ctx context.Context, server *httptest.Server) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/answer", strings.NewReader(`{"question":"?"}`))
		if err != nil {
			done <- outcome{nil, err}
			return
		}
		response, err := server.Client().Do(r)
		done <- outcome{response, err}
	}()
	return done
}

// beginStream makes a request and begins its response.
func beginStream(t *testing.T, ctx context.Context, f *function, server *httptest.Server) (call, *http.Response) {
	t.Helper()
	done := post(ctx, server)
	c := <-f.calls
	c.begin <- nil
	c.write(t, prelude)
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	t.Cleanup(func() { got.Body.Close() })
	return c, got.Response
}

// The client has each piece before the function writes the next, in whatever pieces the metadata came.
func TestStreamAsItComes(t *testing.T) {
	f := newFunction()
	_, server := serveStreams(t, f, Options{})
	done := post(t.Context(), server)
	c := <-f.calls
	if !strings.HasPrefix(c.payload, `answer{"resource":"/answer"`) {
		t.Errorf("invoked %s", c.payload)
	}
	c.begin <- nil
	for _, b := range []byte(prelude) {
		c.write(t, string(b))
	}
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	defer got.Body.Close()
	if got.StatusCode != 201 || got.ContentLength != -1 ||
		got.Header.Get("Content-Type") != "text/event-stream" || got.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
	for _, text := range []string{"data: one\n\n", "data: two\n\n"} {
		c.write(t, text)
		b := make([]byte, len(text))
		if _, err := io.ReadFull(got.Body, b); err != nil || string(b) != text {
			t.Fatalf("read %q, %v", b, err)
		}
	}
	c.response.Close()
	if rest, err := io.ReadAll(got.Body); err != nil || len(rest) > 0 {
		t.Errorf("then read %q, %v", rest, err)
	}
}

func TestStreamMetadata(t *testing.T) {
	const zeros = "\x00\x00\x00\x00\x00\x00\x00\x00"
	fits := `{"headers":{"x":"` + strings.Repeat("y", maxMetadata-20) + `"}}`
	for _, tt := range []struct {
		name, response string
		status         int
		header         string // "Name: values"
		body           string
	}{
		{"body at once", `{"statusCode":202}` + zeros + "body", 202, "Content-Type: [application/json]", "body"},
		{"no status", `{}` + zeros, 200, "", ""},
		{"no body allowed", `{"statusCode":204}` + zeros + strings.Repeat("x", 100<<10), 204, "", ""},
		{"zeros in the body", `{}` + zeros + zeros, 200, "", zeros},
		{"several values", `{"headers":{"a":"1"},"multiValueHeaders":{"A":["2","3"]}}` + zeros, 200, "A: [2 3 1]", ""},
		{"cookies", `{"cookies":["a=1","b=2"]}` + zeros, 200, "Set-Cookie: [a=1 b=2]", ""},
		{"remapped", `{"headers":{"Content-Length":"7"}}` + zeros, 200, "X-Amzn-Remapped-Content-Length: [7]", ""},
		{"longest", fits + zeros, 200, "", ""},
		{"too long", fits[:len(fits)-1] + " }" + zeros, 502, "", ""},
		{"plain proxy response", `{"statusCode":200,"body":"x"}`, 502, "", ""},
		{"body in the metadata", `{"statusCode":200,"body":"x"}` + zeros, 502, "", ""},
		{"no JSON", "hello" + zeros, 502, "", ""},
		{"null", "null" + zeros, 502, "", ""},
		{"two objects", "{}{}" + zeros, 502, "", ""},
		{"informational status", `{"statusCode":103}` + zeros, 502, "", ""},
		{"short delimiter", "{}" + zeros[1:], 502, "", ""},
		{"empty", "", 502, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFunction()
			_, server := serveStreams(t, f, Options{})
			done := post(t.Context(), server)
			c := <-f.calls
			c.begin <- nil
			io.WriteString(c.response, tt.response) // fails where the gateway has had enough
			c.response.Close()
			got := <-done
			if got.err != nil {
				t.Fatal(got.err)
			}
			defer got.Body.Close()
			body, err := io.ReadAll(got.Body)
			if tt.status == 502 {
				tt.body = `{"message": "Internal server error"}`
				tt.header = "X-Amzn-Errortype: [InternalServerErrorException]"
			}
			if got.StatusCode != tt.status || string(body) != tt.body || err != nil {
				t.Errorf("got %d %q, %v, want %d %q", got.StatusCode, body, err, tt.status, tt.body)
			}
			if name, values, _ := strings.Cut(tt.header, ": "); name != "" && fmt.Sprint(got.Header[name]) != values {
				t.Errorf("header %s: got %v, want %s", name, got.Header[name], values)
			}
		})
	}
}

// What fails before the metadata is an answer.
func TestStreamNotBegun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fail   func(c call)
		status int
	}{
		{"throttled", func(c call) { c.begin <- fmt.Errorf("answer: %w", ErrThrottled) }, 500},
		{"function error", func(c call) { c.begin <- errors.New("exit status 1") }, 502},
		{"crash in the metadata", func(c call) { c.begin <- nil; c.response.CloseWithError(errors.New("exit status 1")) }, 502},
		{"never begun", func(c call) { <-c.ctx.Done() }, 504},
		{"never past the metadata", func(c call) { c.begin <- nil; io.WriteString(c.response, "{"); <-c.ctx.Done() }, 504},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFunction()
			opt := Options{}
			if tt.status == 504 {
				opt.IntegrationTimeout = 50 * time.Millisecond
			}
			_, server := serveStreams(t, f, opt)
			done := post(t.Context(), server)
			tt.fail(<-f.calls)
			got := <-done
			if got.err != nil {
				t.Fatal(got.err)
			}
			got.Body.Close()
			if got.StatusCode != tt.status {
				t.Errorf("got %d, want %d", got.StatusCode, tt.status)
			}
		})
	}
}

// What fails after the metadata breaks the response off: its client knows that it is not whole.
func TestStreamBroken(t *testing.T) {
	for _, tt := range []struct {
		name string
		opt  Options
		end  func(g *Gateway, c call)
	}{
		{"function", Options{}, func(_ *Gateway, c call) { c.response.CloseWithError(errors.New("exit status 1")) }},
		{"integration timeout", Options{IntegrationTimeout: 3 * time.Second}, func(*Gateway, call) {}},
		{"idle", Options{IdleTimeout: 50 * time.Millisecond}, func(*Gateway, call) {}},
		{"close", Options{}, func(g *Gateway, _ call) { g.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFunction()
			g, server := serveStreams(t, f, tt.opt)
			c, response := beginStream(t, t.Context(), f, server)
			tt.end(g, c)
			if rest, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("read %q, %v, want %v", rest, err, io.ErrUnexpectedEOF)
			}
			<-c.ctx.Done() // the function is told
		})
	}
}

// A stream is not idle while it has something to say.
func TestStreamNotIdle(t *testing.T) {
	const limit = 3 * time.Second
	f := newFunction()
	_, server := serveStreams(t, f, Options{IdleTimeout: limit})
	c, response := beginStream(t, t.Context(), f, server)
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, response.Body)
		read <- err
	}()
	for began := time.Now(); time.Since(began) < limit*4/3; time.Sleep(limit / 100) {
		c.write(t, ": still here\n")
	}
	c.response.Close()
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// A client that leaves, before the response begins or in the middle, ends the invocation's context.
func TestStreamClientLeaves(t *testing.T) {
	f := newFunction()
	_, server := serveStreams(t, f, Options{})
	ctx, leave := context.WithCancel(t.Context())
	done := post(ctx, server)
	c := <-f.calls
	leave()
	<-c.ctx.Done()
	<-done

	ctx, leave = context.WithCancel(t.Context())
	c, _ = beginStream(t, ctx, f, server)
	leave()
	<-c.ctx.Done()
	for err := error(nil); err == nil; { // until nobody reads any more
		_, err = io.WriteString(c.response, "x")
	}
}

// A client that does not read holds the function up, and does not hold up Close.
func TestStreamSlowClient(t *testing.T) {
	f := newFunction()
	g, server := serveStreams(t, f, Options{})
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /answer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
	c := <-f.calls
	c.begin <- nil
	c.write(t, prelude)
	written := make(chan int)
	go func() {
		for n := 0; ; n += 1 << 20 {
			if _, err := c.response.Write(make([]byte, 1<<20)); err != nil {
				written <- n
				return
			}
		}
	}()
	select {
	case n := <-written:
		t.Fatalf("broken off after %d bytes", n)
	case <-time.After(time.Second):
	}
	g.Close()
	if n := <-written; n > 64<<20 {
		t.Errorf("%d bytes were taken that nobody read", n)
	}
}

// A connection can be used again after a stream.
func TestStreamThenAnother(t *testing.T) {
	f := newFunction()
	_, server := serveStreams(t, f, Options{})
	for range 3 {
		c, response := beginStream(t, t.Context(), f, server)
		c.response.Close()
		if _, err := io.ReadAll(response.Body); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStreamNeedsStreamer(t *testing.T) {
	_, server := serveStreams(t, invoke(echo), Options{})
	got := <-post(t.Context(), server)
	if got.err != nil {
		t.Fatal(got.err)
	}
	got.Body.Close()
	if got.StatusCode != 502 {
		t.Errorf("got %d, want 502", got.StatusCode)
	}
}
