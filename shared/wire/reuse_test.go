package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// withDelayedCancel is a context that ends within the time that a call takes.
func withDelayedCancel(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), rand.N(time.Millisecond))
}

// secure starts an HTTPS server that would speak HTTP/2.
func secure(t *testing.T, f http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(f)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestReuse(t *testing.T) {
	url := secure(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	tr := transport(t, wire.Options{})
	for i, tt := range []struct {
		number int
		want   string
	}{
		{1, "new"}, {1, "reused"},
		{2, "new"}, // the pool has one that is as good as can be known
		{1, "reused"}, {1, "reused"},
	} {
		got := try(t, tr, tt.number, request(t, t.Context(), url, ""))
		if got.Err != nil || got.body != "HTTP/1.1" {
			t.Errorf("spoke %q, %v; want HTTP/1.1", got.body, got.Err)
		}
		if got.Connection != tt.want {
			t.Errorf("call %d, attempt %d: connection %s, want %s", i, tt.number, got.Connection, tt.want)
		}
	}
}

// The connection of a later attempt is as good as any other afterwards.
func TestLaterAttemptsConnectionIsKept(t *testing.T) {
	url := secure(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	tr := transport(t, wire.Options{})
	for i, want := range []string{"new", "reused"} {
		if got := try(t, tr, 2-i, request(t, t.Context(), url, "")); got.Connection != want {
			t.Errorf("attempt %d: connection %s, want %s", 2-i, got.Connection, want)
		}
	}
}

// A connection is kept exactly if nothing of it is left to read.
func TestWhatIsKept(t *testing.T) {
	closeIt := func(resp *http.Response) { resp.Body.Close() }
	tests := []struct {
		name, method string
		answer       http.HandlerFunc
		read         func(*http.Response)
		want         string
	}{
		{"no content", "GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, closeIt, "reused"},
		{"length 0", "GET", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") }, closeIt, "reused"},
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }, closeIt, "reused"},
		{"length 0, not closed", "GET", func(w http.ResponseWriter, _ *http.Request) {}, func(*http.Response) {}, "reused"},
		{"read to the end", "GET", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
			func(resp *http.Response) { io.ReadAll(resp.Body); resp.Body.Close(); resp.Body.Close() }, "reused"},
		{"read to the end in chunks, not closed", "GET", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			io.WriteString(w, "hello")
		}, func(resp *http.Response) { io.ReadAll(resp.Body) }, "reused"},
		{"not read", "GET", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
			func(resp *http.Response) { resp.Body.Close(); resp.Body.Close() }, "new"},
		{"half read", "GET", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) },
			func(resp *http.Response) { io.ReadFull(resp.Body, make([]byte, 1<<10)); resp.Body.Close() }, "new"},
		{"the server says that it closes", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			io.WriteString(w, "hello")
		}, func(resp *http.Response) { io.ReadAll(resp.Body); resp.Body.Close() }, "new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := secure(t, tt.answer)
			tr := transport(t, wire.Options{})
			before := measure(t)
			r := request(t, t.Context(), url, "")
			r.Method = tt.method
			resp, err := tr.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			tt.read(resp)
			if got := get(t, tr, url).Connection; got != tt.want {
				t.Errorf("the next call rode a %s connection, want a %s one", got, tt.want)
			}
			tr.CloseIdleConnections()
			before.gone(t)
		})
	}
}

// A call that hung on a connection of the pool takes those beside it along.
func TestHungConnectionRetiresItsAgeMates(t *testing.T) {
	var silent atomic.Bool
	var both sync.WaitGroup // so that two calls need two connections
	both.Add(2)
	url := secure(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case silent.Load():
			<-r.Context().Done()
		case r.URL.Path == "/both":
			both.Done()
			both.Wait()
		}
	})
	tr := transport(t, wire.Options{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { try(t, tr, 1, request(t, t.Context(), url+"/both", "")) })
	}
	all.Wait()
	silent.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got := try(t, tr, 1, request(t, ctx, url, "")); got.Connection != "reused" || got.phase() != fault.PhaseWait {
		t.Fatalf("the call that should hang: %s connection, phase %s", got.Connection, got.phase())
	}
	silent.Store(false)
	if got := get(t, tr, url).Connection; got != "new" {
		t.Errorf("the next call rode a %s connection, want a new one", got)
	}
}

// once answers one request on each connection. Of the next it reads nothing, or
// all, and hangs up without a word.
func once(t *testing.T, closing func(*bufio.Reader)) *server {
	return serve(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		closing(in)
		c.Close()
	})
}

// A request whose pooled connection the server closes, before, while or after it
// is written, moves on to a new one within the attempt.
func TestServerClosesAPooledConnection(t *testing.T) {
	tests := []struct {
		name  string
		close func(*bufio.Reader)
	}{
		{"around the write", func(*bufio.Reader) { time.Sleep(rand.N(400 * time.Microsecond)) }},
		{"at the first byte", func(in *bufio.Reader) { in.ReadByte() }},
		{"after the request", func(in *bufio.Reader) {
			if r, err := http.ReadRequest(in); err == nil {
				io.Copy(io.Discard, r.Body)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := once(t, tt.close)
			tr := transport(t, wire.Options{})
			body := strings.Repeat("x", 20<<10)
			for i := range 200 {
				got := try(t, tr, 1, request(t, t.Context(), "http://"+s.Addr().String(), body))
				if got.Err != nil || got.body != "ok" || got.Connection != "new" {
					t.Fatalf("call %d: %q, %v, connection %s; want ok over a new connection", i, got.body, got.Err, got.Connection)
				}
			}
			if got := s.accepted.Load(); got != 200 {
				t.Errorf("%d connections, want 200", got)
			}
		})
	}
}

// Only a connection of the pool earns a request a second one.
func TestServerClosesANewConnection(t *testing.T) {
	s := serve(t, func(c net.Conn) { http.ReadRequest(bufio.NewReader(c)); c.Close() })
	got := try(t, transport(t, wire.Options{}), 1, request(t, t.Context(), "http://"+s.Addr().String(), ""))
	if f := wire.Classify("openai", got.Err); f == nil || f.Kind != fault.Unavailable {
		t.Errorf("error %v, want unavailable", got.Err)
	}
	if n := s.accepted.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// An attempt that may not send leaves its connection to another.
func TestAttemptThatMayNotSend(t *testing.T) {
	var asked, opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	tr := transport(t, wire.Options{})
	for i := range 2 {
		ctx, a := evidence.NewAttempt(t.Context(), 1)
		refusal := errors.New("not now")
		a.OnSend(func() error { return refusal })
		if _, err := tr.RoundTrip(request(t, ctx, s.URL, "hello")); err != refusal {
			t.Errorf("error %v, want the refusal", err)
		}
		if got := a.End(refusal).Connection; got != "new" {
			t.Errorf("refusal %d: connection %s, want one that never carried a request", i, got)
		}
	}
	get(t, tr, s.URL)
	if got := get(t, tr, s.URL).Connection; got != "reused" || asked.Load() != 2 || opened.Load() != 1 {
		t.Errorf("%s connection after %d requests over %d connections, want a reused one, 2 and 1", got, asked.Load(), opened.Load())
	}
}

// Whoever closes a body may do so while someone reads it.
func TestCloseWhileReading(t *testing.T) {
	url := secure(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write(make([]byte, 1<<10))
			w.(http.Flusher).Flush()
		}
	})
	tr := transport(t, wire.Options{})
	before := measure(t)
	for range 50 {
		resp, err := tr.RoundTrip(request(t, t.Context(), url, ""))
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := io.Copy(io.Discard, resp.Body); err == nil {
				t.Error("an endless body was read to its end")
			}
		})
		time.Sleep(rand.N(time.Millisecond))
		all.Go(func() { resp.Body.Close() })
		all.Go(func() { resp.Body.Close() })
		all.Wait()
	}
	before.gone(t)
}
