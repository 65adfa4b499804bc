package apigw_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/fault"
)

// streamReply is a streamed answer.
type streamReply struct {
	status  int
	headers map[string]string
	body    string
	err     error // of reading
}

// openStream sends the event to a handler that streams.
func openStream(t *testing.T, ctx context.Context, e apigwtest.Event, route apigw.Route) io.ReadCloser {
	t.Helper()
	event, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	a := api(route)
	a.Streams = true
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "op-1"})
	out, err := a.Serve(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	// aws-lambda-go streams only a reader that cannot be marshalled.
	if _, err := json.Marshal(out); err == nil {
		t.Fatalf("%T is JSON", out)
	}
	return out.(io.ReadCloser)
}

func readStream(t *testing.T, r io.ReadCloser) streamReply {
	t.Helper()
	all, err := io.ReadAll(r)
	prelude, body, ok := bytes.Cut(all, make([]byte, 8))
	var head struct {
		StatusCode int
		Headers    map[string]string
	}
	if jsonErr := json.Unmarshal(prelude, &head); !ok || jsonErr != nil {
		t.Fatalf("got %q (%v, %v), want status and headers before eight zero bytes", all, err, jsonErr)
	}
	r.Close()
	return streamReply{head.StatusCode, head.Headers, string(body), err}
}

// sendEvents is a route that sends the names as events, and ends with err.
func sendEvents(err error, names ...string) apigw.Route {
	return func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		out, refused := r.Events()
		if refused != nil {
			return apigw.Response{}, refused
		}
		for _, n := range names {
			if err := out.Send(n, map[string]string{"is": n + "\n<"}); err != nil {
				return apigw.Response{}, err
			}
		}
		return apigw.Response{}, err
	}
}

func TestStream(t *testing.T) {
	got := readStream(t, openStream(t, t.Context(), post("{}"), sendEvents(nil, "a", "b")))
	const want = "event: a\ndata: {\"is\":\"a\\n<\"}\n\nevent: b\ndata: {\"is\":\"b\\n<\"}\n\n"
	if got.status != 200 ||
		got.body != want ||
		got.err != nil ||
		got.headers["Content-Type"] != "text/event-stream" ||
		got.headers["Ragtime-Operation-Id"] != "op-1" {
		t.Errorf("got %+v, want %q", got, want)
	}
	wishful := post("{}")
	wishful.Headers["Prefer"] = "wait=0.5"
	if got := readStream(t, openStream(t, t.Context(), wishful, sendEvents(nil, "a"))); got.headers["Ragtime-Preference-Ignored"] == "" {
		t.Errorf("got %+v, want the preference said to be ignored", got)
	}
}

// A failure before the first event has its status. A later one is an event.
func TestStreamFails(t *testing.T) {
	down := fault.New(fault.Unavailable, "down")
	got := readStream(t, openStream(t, t.Context(), post("{}"), sendEvents(down)))
	if got.status != 503 ||
		got.headers["Content-Type"] != "application/problem+json" ||
		!strings.Contains(got.body, `"detail":"down"`) {
		t.Errorf("got %+v, want a problem 503", got)
	}
	got = readStream(t, openStream(t, t.Context(), post("{}"), sendEvents(down, "a")))
	if got.status != 200 ||
		!strings.Contains(got.body, "event: error\ndata: {\"type\":\"urn:ragtime:problem:unavailable\"") ||
		!strings.HasSuffix(got.body, "}\n\n") {
		t.Errorf("got %+v, want an event error", got)
	}
	got = readStream(t, openStream(t, t.Context(), post("{}"), func(context.Context, *apigw.Request) (apigw.Response, error) { panic("x") }))
	if got.status != 500 {
		t.Errorf("got %+v of a panic, want 500", got)
	}
	got = readStream(t, openStream(t, t.Context(), post("{}"), succeed))
	if got.status != 200 || got.body != `{"n":1}` || got.headers["Content-Type"] != "application/json" {
		t.Errorf("got %+v of a route that does not stream, want its JSON", got)
	}
}

// The answer to other kinds of events cannot be streamed.
func TestStreamRefused(t *testing.T) {
	r := serve(t, t.Context(), post("{}"), sendEvents(nil, "a"))
	if r.StatusCode != 406 {
		t.Errorf("got %d %s, want 406", r.StatusCode, r.Body)
	}
}

func TestAccepts(t *testing.T) {
	for accept, want := range map[string]string{
		"":                  "application/json",
		"*/*":               "application/json",
		"application/json":  "application/json",
		"text/event-stream": "text/event-stream",
		"TEXT/event-stream": "text/event-stream",
		"text/*":            "text/event-stream",
		"text/event-stream, application/json;q=0.5": "text/event-stream",
		"text/event-stream;q=0.5, application/json": "application/json",
		"*/*;q=0.1, text/event-stream":              "text/event-stream",
		"application/json;q=0, */*":                 "text/event-stream",
		"application/problem+json, text/html":       "",
		"text/html":                                 "",
		"nonsense":                                  "",
	} {
		e := post("{}")
		e.Headers["accept"] = accept
		got := ""
		r := serve(t, t.Context(), e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
			var err error
			got, err = r.Accepts("application/json", apigw.EventStream)
			return apigw.Response{Status: 200}, err
		})
		if got != want || (want == "") != (r.StatusCode == 406) {
			t.Errorf("%q: got %q and %d, want %q", accept, got, r.StatusCode, want)
		}
	}
}

// When the client leaves, the work is cancelled, and events cannot be sent.
func TestStreamAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		r := openStream(t, t.Context(), post("{}"), func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
			out, _ := r.Events()
			out.Send("a", 1)
			<-ctx.Done()
			cause = context.Cause(ctx)
			if err := out.Send("b", 2); fault.From(err).Kind != fault.Canceled {
				t.Errorf("an event for nobody: got %v", err)
			}
			return apigw.Response{}, cause
		})
		io.ReadFull(r, make([]byte, 10))
		synctest.Wait()
		r.Close()
		synctest.Wait()
		if f := fault.From(cause); f == nil || f.Kind != fault.Canceled {
			t.Errorf("the work ended with %v, want that the client left", cause)
		}
	})
}

// While nothing happens, keep-alives are sent. A stream that is not whole ends before Lambda
// kills the process.
func TestStreamKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openStream(t, t.Context(), post("{}"), func(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
			out, _ := r.Events()
			out.Send("a", 1)
			time.Sleep(24 * time.Second)
			return apigw.Response{}, out.Send("b", 2)
		})
		got := readStream(t, r)
		if n := strings.Count(got.body, ": still here\n\n"); n != 2 || got.err != nil {
			t.Errorf("got %d keep-alives in 24 s (%v), want 2: %q", n, got.err, got.body)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 28*time.Second)
		defer cancel()
		start := time.Now()
		release := make(chan struct{})
		r := openStream(t, ctx, post("{}"), func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
			out, _ := r.Events()
			out.Send("a", 1)
			<-release // deaf to its context
			return apigw.Response{}, nil
		})
		got := readStream(t, r)
		if !errors.Is(got.err, io.ErrUnexpectedEOF) || time.Since(start) >= 28*time.Second {
			t.Errorf("got %+v after %v, want a broken end before Lambda's", got, time.Since(start))
		}
		close(release)
		synctest.Wait()
	})
}
