package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

func TestWatch(t *testing.T) {
	tests := []struct {
		name  string
		moves func(*watch)
		want  time.Duration // when the watch ends the exchange; 0 for never
		phase fault.Phase
	}{
		{"no progress", func(w *watch) { w.enter(fault.PhaseSend, 5*time.Second) }, 5 * time.Second, fault.PhaseSend},
		{"progress", func(w *watch) {
			w.enter(fault.PhaseSend, 5*time.Second)
			time.Sleep(3 * time.Second)
			w.progress(fault.PhaseReceive) // of another phase
			time.Sleep(time.Second)
			w.progress(fault.PhaseSend)
		}, 9 * time.Second, fault.PhaseSend},
		{"a shorter limit", func(w *watch) {
			w.enter(fault.PhaseSend, 5*time.Second)
			w.enter(fault.PhaseReceive, 2*time.Second)
		}, 2 * time.Second, fault.PhaseReceive},
		{"a report that comes late", func(w *watch) {
			w.enter(fault.PhaseReceive, 5*time.Second)
			w.enter(fault.PhaseWait, 0)
		}, 5 * time.Second, fault.PhaseReceive},
		{"no limit", func(w *watch) {
			w.enter(fault.PhaseSend, 5*time.Second)
			w.enter(fault.PhaseWait, 0)
		}, 0, fault.PhaseWait},
		{"no reader", func(w *watch) {
			w.enter(fault.PhaseReceive, 5*time.Second)
			w.enter(fault.PhaseReceive, 0)
		}, 0, fault.PhaseReceive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, a := evidence.NewAttempt(t.Context(), 1)
				w := newWatch(t.Context(), a)
				start := time.Now()
				tt.moves(w)
				select {
				case <-w.ctx.Done():
					if got := time.Since(start); got != tt.want || fault.From(context.Cause(w.ctx)).Kind != fault.Timeout {
						t.Errorf("ended after %v with %v, want a timeout after %v", got, context.Cause(w.ctx), tt.want)
					}
				case <-time.After(time.Hour):
					if tt.want != 0 {
						t.Errorf("did not end, want %v", tt.want)
					}
				}
				w.end()
				w.enter(fault.PhaseReceive, time.Second) // after the end, nothing counts
				if a.At() != tt.phase {
					t.Errorf("phase %s, want %s", a.At(), tt.phase)
				}
			})
		})
	}
}

// A response without a body has nothing to watch.
func TestNoBodyEndsTheExchange(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
	x := tr.newExchange(r, evidence.Current(t.Context()))
	if _, err := x.do(false); err != nil {
		t.Fatal(err)
	}
	if !x.watch.ended || x.watch.timer.Stop() {
		t.Error("the watch still watches")
	}
}

// When a context ends while the peer takes nothing, the polite end of TLS has
// nowhere to go, and must not be waited for.
func TestHangUpDoesNotWaitForTLS(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	synctest.Test(t, func(t *testing.T) {
		tr := New(Options{})
		tr.base.Proxy = nil
		tr.base.TLSClientConfig.RootCAs = roots
		tr.base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			x := ctx.Value(exchangeKey{}).(*exchange)
			mine, theirs := net.Pipe() // takes what is read at the other end, and no byte more
			go func() {
				http.ReadRequest(bufio.NewReader(tls.Server(theirs, s.TLS)))
			}()
			x.attach(&socket{Conn: mine})
			return x.socket, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ctx, a := evidence.NewAttempt(ctx, 1)
		start := time.Now()
		r, _ := http.NewRequestWithContext(ctx, "POST", "https://example.com:443", strings.NewReader("hello"))
		_, err := tr.RoundTrip(r)
		if got := time.Since(start); err != context.DeadlineExceeded || got != time.Second {
			t.Errorf("%v after %v, want the deadline after 1 s", err, got)
		}
		if got := a.At(); got != fault.PhaseWait {
			t.Errorf("phase %s, want wait", got)
		}
	})
}

func TestPoolDistrustsTheOld(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer s.Close()
	tests := []struct {
		name string
		age  time.Duration
		want string
	}{
		{"young", 0, "reused"},
		{"almost a minute", idle - 5*time.Second, "reused"},
		{"a minute", idle, "new"},
		{"younger than now, as a clock that was set back has it", -time.Hour, "new"},
		{"a day", 24 * time.Hour, "new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := New(Options{})
			defer tr.CloseIdleConnections()
			call := func() string {
				ctx, a := evidence.NewAttempt(t.Context(), 1)
				r, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
				resp, err := tr.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				io.ReadAll(resp.Body)
				return a.End(nil).Connection
			}
			call()
			only := tr.pool.idle[s.URL][0]
			only.used = only.used.Add(-tt.age)
			if got := call(); got != tt.want {
				t.Errorf("connection %s, want %s", got, tt.want)
			}
			if closed := only.client.Err() != nil; closed != (tt.want == "new") {
				t.Errorf("the connection is closed: %t", closed)
			}
		})
	}
}

// The pool closes by itself what it would not lend any more.
func TestPoolSweeps(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	tr := New(Options{})
	r, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
	if _, err := tr.RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	// Its timers go on after this test, in goroutines of their own.
	locked := func(f func()) {
		tr.pool.mu.Lock()
		defer tr.pool.mu.Unlock()
		f()
	}
	var only *conn
	locked(func() { only = tr.pool.idle[s.URL][0] })
	tr.pool.sweep()
	locked(func() {
		if only.client.Err() != nil || tr.pool.timer == nil {
			t.Error("a young connection was swept away, or will never be")
		}
		only.used = only.used.Add(-idle)
	})
	tr.pool.sweep()
	locked(func() {
		if only.client.Err() == nil || tr.pool.timer != nil || len(tr.pool.idle) != 0 {
			t.Error("an old connection was not swept away")
		}
	})
}
