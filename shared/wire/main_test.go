package wire_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// certificate is the test servers', for 127.0.0.1 and example.com; it is trusted
// as a person would have it trusted, by the environment.
var certificate tls.Certificate

func TestMain(m *testing.M) { goleak.VerifyTestMain(environment{m}) }

// environment is what the process reads once: whom to trust, and the proxy.
// Requests to loopback addresses never go through one.
type environment struct{ *testing.M }

func (m environment) Run() int {
	s := httptest.NewTLSServer(nil)
	certificate = s.TLS.Certificates[0]
	s.Close()
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}), 0o600); err != nil {
		panic(err)
	}
	p := newProxy()
	defer p.Close()
	os.Setenv("SSL_CERT_FILE", file)
	os.Setenv("HTTP_PROXY", p.URL)
	os.Setenv("HTTPS_PROXY", p.URL)
	os.Setenv("NO_PROXY", ".test,.invalid")
	return m.M.Run()
}

// outcome is what became of one attempt.
type outcome struct {
	evidence.AttemptView
	status int
	body   string
	took   time.Duration
}

// phase is the one in which the attempt ended.
func (o outcome) phase() fault.Phase {
	if len(o.Phases) == 0 {
		return ""
	}
	return o.Phases[len(o.Phases)-1].Name
}

// try makes one attempt of a call, and reads the response to its end.
func try(t *testing.T, tr *wire.Transport, number int, r *http.Request) (o outcome) {
	t.Helper()
	ctx, record := evidence.With(r.Context())
	ctx, _ = evidence.Enter(ctx, fault.StepEmbed)
	ctx, a := evidence.NewAttempt(ctx, number)
	start := time.Now()
	resp, err := tr.RoundTrip(r.WithContext(ctx))
	if err == nil {
		var b []byte
		b, err = io.ReadAll(resp.Body)
		o.status, o.body = resp.StatusCode, string(b)
		resp.Body.Close()
	}
	o.took = time.Since(start)
	a.End(err)
	o.AttemptView = record.Snapshot().Steps[0].Attempts[0]
	return o
}

// get makes the first attempt of a call that must succeed.
func get(t *testing.T, tr *wire.Transport, url string) outcome {
	t.Helper()
	o := try(t, tr, 1, request(t, t.Context(), url, ""))
	if o.Err != nil {
		t.Fatalf("GET %s: %v", url, o.Err)
	}
	return o
}

// request is a GET, or a POST if there is a body.
func request(t *testing.T, ctx context.Context, url, body string) *http.Request {
	t.Helper()
	method, b := "GET", io.Reader(nil)
	if body != "" {
		method, b = "POST", strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// transport makes a Transport for one test.
func transport(t *testing.T, o wire.Options) *wire.Transport {
	tr := wire.New(o)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// server accepts connections, of which each has a goroutine of its own and stays
// open until the end of the test.
type server struct {
	net.Listener
	accepted atomic.Int32
}

// serve starts a server. f gets a connection and may return at any time.
func serve(t *testing.T, f func(net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l}
	var all sync.WaitGroup
	over := make(chan struct{})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			all.Go(func() {
				defer c.Close()
				f(c)
				<-over
			})
			context.AfterFunc(t.Context(), func() { c.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); close(over); all.Wait() })
	return s
}

// tlsServer is serve behind a TLS handshake.
func tlsServer(t *testing.T, f func(net.Conn)) *server {
	return serve(t, func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if s.Handshake() == nil {
			f(s)
		}
	})
}

// full is a listener that answers no connection: its backlog is full.
func full(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	shrink(t, raw)
	for range 8 {
		c, err := net.DialTimeout("tcp4", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog takes connections without end")
	return ""
}

// resolver is a DNS server that knows these names' IPv4 addresses, and no others.
func resolver(t *testing.T, names map[string][][4]byte) string {
	t.Helper()
	return resolverThat(t, names, func([]byte) bool { return true })
}

// resolverThat answers the queries that it picks, and is silent to others.
func resolverThat(t *testing.T, names map[string][][4]byte, answers func(query []byte) bool) string {
	t.Helper()
	return resolverWith(t, names, func(query []byte, send func()) {
		if answers(query) {
			send()
		}
	})
}

// resolverWith lets handle say when a query is answered.
func resolverWith(t *testing.T, names map[string][][4]byte, handle func(query []byte, send func())) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 1<<10)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if a := answer(b[:n], names); a != nil {
				handle(b[:n], func() { c.WriteTo(a, from) })
			}
		}
	}()
	return c.LocalAddr().String()
}

func answer(query []byte, names map[string][][4]byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true}, Questions: []dnsmessage.Question{q}}
	ips, known := names[strings.TrimSuffix(q.Name.String(), ".")]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, ip := range ips {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{A: ip}})
		}
	}
	out, _ := m.Pack()
	return out
}

// sockets counts the process's.
func sockets(t *testing.T) (n int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	for _, fd := range all {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// footprint is what a call may leave behind: its servers' ends of connections.
type footprint struct{ sockets, goroutines int }

func measure(t *testing.T) footprint { return footprint{sockets(t), runtime.NumGoroutine()} }

// gone waits until there is no more than before and the servers' connections
// (there may be less, as something else ended meanwhile),
// for less time than anything forgotten lasts.
func (before footprint) gone(t *testing.T, servers ...*server) {
	t.Helper()
	var want, got footprint
	for range 100 {
		want = before
		for _, s := range servers {
			want.sockets += int(s.accepted.Load())
			want.goroutines += int(s.accepted.Load())
		}
		if got = measure(t); got.sockets <= want.sockets && got.goroutines <= want.goroutines {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	t.Errorf("left behind %+v, want %+v\n%s", got, want, stacks[:runtime.Stack(stacks, true)])
}

// kind is the kind of the fault in err's chain, or -1.
func kind(err error) fault.Kind {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Kind
	}
	return -1
}
