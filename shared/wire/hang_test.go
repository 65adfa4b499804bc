package wire_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// answers reads a request's header and says something.
func answers(what string) func(net.Conn) {
	return func(c net.Conn) {
		// An answer before the request would be an unsolicited one.
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, what)
		}
	}
}

// large is a body that no socket's buffers take at once.
var large = strings.Repeat("x", 8<<20)

// hangs are the ways in which a service can be silent. Each returns what to ask
// and of which transport, and the server that was silent, if it accepts.
var hangs = []struct {
	name  string
	phase fault.Phase
	start func(t *testing.T, o *wire.Options) (url, body string, s *server)
}{
	{"resolver", fault.PhaseDNS, func(t *testing.T, o *wire.Options) (string, string, *server) {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		o.Resolver = c.LocalAddr().String()
		return "http://name.test", "", nil
	}},
	{"connect", fault.PhaseConnect, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		return "http://" + full(t, "127.0.0.1:0"), "", nil
	}},
	{"all addresses", fault.PhaseConnect, func(t *testing.T, o *wire.Options) (string, string, *server) {
		address := full(t, "127.0.0.2:0")
		_, port, _ := net.SplitHostPort(address)
		full(t, "127.0.0.3:"+port)
		o.Resolver = resolver(t, map[string][][4]byte{"name.test": {{127, 0, 0, 2}, {127, 0, 0, 3}}})
		return "http://name.test:" + port, "", nil
	}},
	{"proxy's CONNECT", fault.PhaseConnect, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		return "https://silent.example", "", nil
	}},
	{"handshake", fault.PhaseTLS, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		s := serve(t, func(net.Conn) {})
		return "https://" + s.Addr().String(), "", s
	}},
	{"request not taken", fault.PhaseSend, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		s := tlsServer(t, func(net.Conn) {})
		return "https://" + s.Addr().String(), large, s
	}},
	{"request not taken, without TLS", fault.PhaseSend, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		s := serve(t, func(net.Conn) {})
		return "http://" + s.Addr().String(), large, s
	}},
	{"half a header", fault.PhaseReceive, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		s := tlsServer(t, answers("HTTP/1.1 200 OK\r\nContent-"))
		return "https://" + s.Addr().String(), "body", s
	}},
	{"half a body", fault.PhaseReceive, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		s := tlsServer(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))
		return "https://" + s.Addr().String(), "body", s
	}},
	{"half an answer to half a request", fault.PhaseReceive, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		s := tlsServer(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))
		return "https://" + s.Addr().String(), large, s
	}},
	{"no answer", fault.PhaseWait, func(t *testing.T, _ *wire.Options) (string, string, *server) {
		s := tlsServer(t, answers(""))
		return "https://" + s.Addr().String(), "body", s
	}},
}

// A hang ends when its phase's limit has passed, as a fault that says so, and
// leaves nothing behind.
func TestLimitEndsAHang(t *testing.T) {
	const limit = 300 * time.Millisecond
	for _, tt := range hangs {
		if tt.phase == fault.PhaseWait {
			continue // has no limit
		}
		t.Run(tt.name, func(t *testing.T) {
			o := wire.Options{}
			*map[fault.Phase]*time.Duration{fault.PhaseDNS: &o.Limits.DNS, fault.PhaseConnect: &o.Limits.Connect, fault.PhaseTLS: &o.Limits.TLS,
				fault.PhaseSend: &o.Limits.Send, fault.PhaseReceive: &o.Limits.Receive}[tt.phase] = limit
			url, body, s := tt.start(t, &o)
			tr := transport(t, o)
			before := measure(t)
			got := try(t, tr, 1, request(t, t.Context(), url, body))
			settled(t, before, s)
			if f := fault.From(got.Err); f.Kind != fault.Timeout || !strings.Contains(f.Detail, tt.phase.Meaning()) {
				t.Errorf("error %v, want a timeout that says %q", got.Err, tt.phase.Meaning())
			}
			if got.phase() != tt.phase {
				t.Errorf("phase %s, want %s", got.phase(), tt.phase)
			}
			if got.took < limit || got.took > limit+2*time.Second {
				t.Errorf("took %v, want %v", got.took, limit)
			}
		})
	}
}

// A hang ends with its context, in whichever phase it is, and leaves nothing.
func TestContextEndsAHang(t *testing.T) {
	for _, tt := range hangs {
		t.Run(tt.name, func(t *testing.T) {
			var o wire.Options
			url, body, s := tt.start(t, &o)
			tr := transport(t, o)
			before := measure(t)
			cause := errors.New("enough")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 600*time.Millisecond, cause)
			defer cancel()
			got := try(t, tr, 1, request(t, ctx, url, body))
			cancel()
			settled(t, before, s)
			if got.Err != cause {
				t.Errorf("error %v, want the context's cause", got.Err)
			}
			if got.phase() != tt.phase {
				t.Errorf("phase %s, want %s", got.phase(), tt.phase)
			}
			if got.took > 2500*time.Millisecond {
				t.Errorf("took %v, want 0.6 s", got.took)
			}
		})
	}
}

func settled(t *testing.T, before footprint, s *server) {
	t.Helper()
	if s != nil {
		before.gone(t, s)
	} else {
		before.gone(t)
	}
}

// A peer that takes or sends something now and then is not silent, however long
// the whole takes; and one whose reader sleeps is not, either.
func TestSlowIsNotSilent(t *testing.T) {
	const limit = 500 * time.Millisecond
	t.Run("response", func(t *testing.T) {
		s := tlsServer(t, func(c net.Conn) {
			answers("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n")(c)
			header := strings.SplitAfter(strings.Repeat("X-Slow: yes\r\n", 15)+"\r\n", "\n")
			for _, part := range append(header, strings.Split(strings.Repeat("x", 30), "")...) {
				time.Sleep(limit / 10)
				io.WriteString(c, part)
			}
		})
		got := try(t, transport(t, wire.Options{Limits: wire.Limits{Receive: limit}}), 1, request(t, t.Context(), "https://"+s.Addr().String(), ""))
		if got.Err != nil || got.took < 4*limit {
			t.Errorf("%v after %v, want no error in spite of %v", got.Err, got.took, limit)
		}
	})
	t.Run("request", func(t *testing.T) {
		const size = 12 << 20
		s := tlsServer(t, func(c net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(c))
			for err == nil {
				_, err = io.CopyN(io.Discard, r.Body, size/40)
				time.Sleep(limit / 20)
			}
			io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		})
		got := try(t, transport(t, wire.Options{Limits: wire.Limits{Send: limit}}), 1,
			request(t, t.Context(), "https://"+s.Addr().String(), strings.Repeat("x", size)))
		if got.Err != nil || got.took < 2*limit {
			t.Errorf("%v after %v, want no error in spite of %v", got.Err, got.took, limit)
		}
	})
	t.Run("reader", func(t *testing.T) {
		s := tlsServer(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"+strings.Repeat("x", 1<<20)))
		tr := transport(t, wire.Options{Limits: wire.Limits{Receive: limit}})
		resp, err := tr.RoundTrip(request(t, t.Context(), "https://"+s.Addr().String(), ""))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for i := range 2 {
			time.Sleep(limit * 3 / 2)
			if _, err := io.ReadFull(resp.Body, make([]byte, 1<<19)); err != nil {
				t.Errorf("reading half %d: %v", i+1, err)
			}
		}
	})
}

// An answer without end is cut at its largest size, however it is packed.
func TestBodyLimit(t *testing.T) {
	o := wire.Options{Limits: wire.Limits{Body: 1 << 20}}
	s := serve(t, func(c net.Conn) {
		answers("HTTP/1.1 200 OK\r\n\r\n")(c)
		for err := error(nil); err == nil; _, err = c.Write(make([]byte, 64<<10)) {
		}
	})
	got := try(t, transport(t, o), 1, request(t, t.Context(), "http://"+s.Addr().String(), ""))
	if f := fault.From(got.Err); f.Kind != fault.Upstream || !strings.Contains(f.Detail, "larger than 1 MiB") {
		t.Errorf("error %v, want an upstream fault that says how large it may be", got.Err)
	}
	if got.Exchange.Bytes <= 1<<20 || got.Exchange.Bytes > 2<<20 {
		t.Errorf("%d bytes were read", got.Exchange.Bytes)
	}
}
