package network_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

const (
	soon  = 100 * time.Millisecond // a long time for a request here
	ample = time.Minute
	large = 1 << 20 // more than the kernels hold of a request that nobody reads
)

// hangs reports whether a fault makes a client hang, rather than fail.
func hangs(name string) bool {
	return !slices.Contains([]string{"dns-fails", "connect-refused", "certificate-wrong", "goaway", "reset", "receive-endless"}, name)
}

var protocols = map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}

// Every fault leaves a client in the phase that its kind says, over HTTP/1.1
// and HTTP/2, and is gone after it is taken off.
func TestPhases(t *testing.T) {
	_, h := serve(t, false)
	for _, k := range h.Kinds() {
		if k.Phase == "" {
			continue
		}
		for http2, proto := range protocols {
			t.Run(k.Name+" "+proto, func(t *testing.T) {
				t.Parallel()
				n, h := serve(t, false)
				c := newClient(t, n, h, http2)
				if k.Name == "connection-dead" {
					if r := c.post(ample, 1); !r.healthy() {
						t.Fatalf("without a fault: %+v", r.err)
					}
				}
				setOnLinux(t, h, k.Name)
				size := 1
				if k.Phase == fault.PhaseSend {
					size = large
				}
				call := c.start(ample, size)
				if hangs(k.Name) {
					eventually(t, "phase "+string(k.Phase), func() bool { return call.currentPhase() == k.Phase })
					time.Sleep(soon) // it stays there
					call.cancel()
				}
				r := <-call.result
				if k.Name == "receive-endless" {
					if r.err != nil || r.status != 200 || len(r.body) != 4<<20 {
						t.Errorf("got %d and %d bytes, %v; want bytes without end", r.status, len(r.body), r.err)
					}
				} else if hung := errors.Is(r.err, context.Canceled); r.err == nil || hung != hangs(k.Name) {
					t.Errorf("got status %d, %v; hangs: %v", r.status, r.err, hangs(k.Name))
				}
				if r.phase != k.Phase {
					t.Errorf("got phase %s, want %s", r.phase, k.Phase)
				}
				set(t, h)
				c.CloseIdleConnections()
				if r := c.post(ample, 1); !r.healthy() || r.proto != proto {
					t.Errorf("healed: %s %d, %v", r.proto, r.status, r.err)
				}
			})
		}
	}
}

// What hangs goes on when the fault is taken off, and is answered rightly.
func TestHealingLetsGo(t *testing.T) {
	for _, name := range []string{
		"tls-silent", "send-stalls", "server-stopped", "connection-dead",
		"wait-silent", "receive-silent", "receive-half", "receive-drip",
	} {
		for http2, proto := range protocols {
			t.Run(name+" "+proto, func(t *testing.T) {
				t.Parallel()
				n, h := serve(t, false)
				c := newClient(t, n, h, http2)
				if r := c.post(ample, 1); !r.healthy() {
					t.Fatal(r.err)
				}
				set(t, h, network.Fault{Name: name})
				before := h.Counts()
				got := make(chan result, 1)
				go func() { got <- c.post(ample, 1) }()
				select {
				case r := <-got:
					t.Fatalf("%d, %v before the fault was off", r.status, r.err)
				case <-time.After(soon):
				}
				if after := h.Counts(); (name == "server-stopped" || name == "connection-dead") && after != before {
					t.Errorf("a dead connection counts %+v, then %+v", before, after)
				}
				set(t, h)
				if r := <-got; !r.healthy() {
					t.Errorf("then got %d with %d bytes, %v", r.status, len(r.body), r.err)
				}
			})
		}
	}
}

// A hanging connect is refused at its next SYN.
func TestHealingEndsConnects(t *testing.T) {
	n, h := serve(t, false)
	setOnLinux(t, h, "connect-silent")
	got := make(chan result, 1)
	c := newClient(t, n, h, false)
	go func() { got <- c.post(ample, 1) }()
	select {
	case r := <-got:
		t.Fatalf("%d, %v before the fault was off", r.status, r.err)
	case <-time.After(soon):
	}
	set(t, h)
	if r := <-got; !errors.Is(r.err, syscall.ECONNREFUSED) {
		t.Errorf("then got %v, want a refusal", r.err)
	}
}

// The errors of faults that do not hang are those of the layer.
func TestErrors(t *testing.T) {
	tests := []struct {
		fault string
		http2 bool
		is    func(error) bool
	}{
		{"dns-fails", false, func(err error) bool {
			e, ok := errors.AsType[*net.DNSError](err)
			return ok && e.IsTemporary && !e.IsNotFound
		}},
		{"connect-refused", false, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"certificate-wrong", true, func(err error) bool {
			_, ok := errors.AsType[*tls.CertificateVerificationError](err)
			return ok && strings.Contains(err.Error(), "wrong.test")
		}},
		{"reset", false, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{"reset", true, func(err error) bool {
			// The kernel reports a reset once. If the client's writer gets it, its reader sees an end.
			return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"goaway", false, func(err error) bool { return errors.Is(err, io.EOF) }},
		{"goaway", true, func(err error) bool {
			// It may come before the client has seen the server's settings, which is an error of its own.
			return strings.Contains(err.Error(), "GOAWAY") || strings.Contains(err.Error(), "PROTOCOL_ERROR")
		}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s", tt.fault, protocols[tt.http2]), func(t *testing.T) {
			n, h := serve(t, false)
			setOnLinux(t, h, tt.fault)
			if r := newClient(t, n, h, tt.http2).post(ample, 1); r.err == nil || !tt.is(r.err) {
				t.Errorf("got %d, %v", r.status, r.err)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	own := network.Kind{Name: "loud", Meaning: "answers in capitals", Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, _, body := network.Capture(next, r)
			w.WriteHeader(status)
			w.Write(bytes.ToUpper(body))
		})
	}}
	n, h := serve(t, false, own)
	c := newClient(t, n, h, true)
	for name, want := range map[string]struct {
		status int
		body   string
	}{
		"redirect-loop": {302, ""},
		"html":          {200, "<html>"},
		"answer-503":    {503, "Service Unavailable"},
		"answer-401":    {401, "Unauthorized"},
		"loud":          {200, `{"TEXT":"XXX`},
	} {
		set(t, h, network.Fault{Name: name})
		if r := c.post(ample, 1); r.err != nil || r.status != want.status || !strings.Contains(string(r.body), want.body) {
			t.Errorf("%s: got %d %.100s, %v; want %d %s", name, r.status, r.body, r.err, want.status, want.body)
		}
	}
	if _, err := n.Serve("other", http.NotFoundHandler(), network.Kind{Name: "html", Wrap: own.Wrap}); err == nil {
		t.Error("a service's own fault may hide a general one")
	}
	if _, err := n.Serve("echo", http.NotFoundHandler()); err == nil {
		t.Error("two services may have one name")
	}
}

// connection-dead takes the connections that are there, and no later one.
func TestNewConnectionsLive(t *testing.T) {
	n, h := serve(t, false)
	c := newClient(t, n, h, false)
	if r := c.post(ample, 1); !r.healthy() {
		t.Fatal(r.err)
	}
	set(t, h, network.Fault{Name: "connection-dead"})
	if r := c.post(soon, 1); !errors.Is(r.err, context.DeadlineExceeded) {
		t.Errorf("the old connection gave %d, %v", r.status, r.err)
	}
	if r := c.post(ample, 1); !r.healthy() {
		t.Errorf("a new one gave %d, %v", r.status, r.err)
	}
	if got := h.Counts(); got.Connections != 2 || got.Requests != 2 {
		t.Errorf("counts %+v, want 2 connections and 2 requests", got)
	}
}

// Of two addresses the silent one comes first; the other one serves.
func TestFirstAddressIsSilent(t *testing.T) {
	n, h := serve(t, false)
	setOnLinux(t, h, "connect-first-silent")
	got, err := resolver(n, "udp").LookupHost(t.Context(), "echo.test")
	if want := []string{"127.0.0.2", "127.0.0.1"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("addresses %v, %v; want %v", got, err, want)
	}
	c := newClient(t, n, h, false)
	dial := c.DialContext
	c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return dial(ctx, network, net.JoinHostPort(got[1], port))
	}
	if r := c.post(ample, 1); !r.healthy() {
		t.Errorf("the second address gave %d, %v", r.status, r.err)
	}
}

func TestTimes(t *testing.T) {
	n, h := serve(t, false)
	const times = 2
	for name, came := range map[string]func(network.Counts) int{
		"dns-silent":  func(c network.Counts) int { return c.Queries / 2 }, // one of each family
		"tls-silent":  func(c network.Counts) int { return c.Connections },
		"wait-silent": func(c network.Counts) int { return c.Requests },
	} {
		t.Run(name, func(t *testing.T) {
			set(t, h, network.Fault{Name: name, Times: times})
			c := newClient(t, n, h, false)
			for i := range times {
				before := came(h.Counts())
				call := c.start(ample, 1)
				eventually(t, "its coming", func() bool { return came(h.Counts()) > before })
				time.Sleep(soon)
				call.cancel()
				if r := <-call.result; !errors.Is(r.err, context.Canceled) {
					t.Errorf("number %d gave %d, %v", i+1, r.status, r.err)
				}
			}
			if r := c.post(ample, 1); !r.healthy() {
				t.Errorf("number %d gave %d, %v", times+1, r.status, r.err)
			}
		})
	}
}

// A share meets one in each span, at places that differ.
func TestShare(t *testing.T) {
	n, h := serve(t, false)
	set(t, h, network.Fault{Name: "answer-503", Share: 0.1})
	c := newClient(t, n, h, false)
	places := map[int]bool{}
	for span := range 20 {
		hits := 0
		for i := range 10 {
			if r := c.post(ample, 1); r.status == 503 {
				hits++
				places[i] = true
			} else if !r.healthy() {
				t.Fatal(r.err)
			}
		}
		if hits != 1 {
			t.Errorf("span %d has %d hits, want 1", span, hits)
		}
	}
	if len(places) < 2 { // by chance once in 10^19
		t.Error("the place is the same in all spans")
	}
}

// slow goes with another fault, and is over when it is taken off.
func TestSlow(t *testing.T) {
	n, h := serve(t, false)
	c := newClient(t, n, h, false)
	const least = 100 * time.Millisecond
	set(t, h,
		network.Fault{Name: "slow", MinMS: int(least.Milliseconds()), MaxMS: 150},
		network.Fault{Name: "answer-500", Times: 1})
	for _, want := range []int{500, 200} {
		start := time.Now()
		if r := c.post(ample, 1); r.status != want || time.Since(start) < least {
			t.Errorf("got %d after %v, %v; want %d after %v", r.status, time.Since(start), r.err, want, least)
		}
	}
	set(t, h, network.Fault{Name: "slow", MinMS: 3_600_000, MaxMS: 3_600_000})
	got := make(chan result, 1)
	go func() { got <- c.post(ample, 1) }()
	eventually(t, "the request", func() bool { return h.Counts().Requests == 3 })
	set(t, h)
	if r := <-got; !r.healthy() {
		t.Errorf("let go, got %d, %v", r.status, r.err)
	}
}

func TestPlain(t *testing.T) {
	n, h := serve(t, true)
	c := newClient(t, n, h, true)
	if r := c.post(ample, 1); !r.healthy() || r.proto != "HTTP/1.1" || !strings.HasPrefix(h.URL(), "http://echo.test:") {
		t.Errorf("%s gave %s %d, %v", h.URL(), r.proto, r.status, r.err)
	}
	if err := h.Set(network.Fault{Name: "certificate-wrong"}); err == nil {
		t.Error("a certificate is wrong where there is none")
	}
	for _, name := range []string{"send-stalls", "connection-dead", "reset", "receive-half"} {
		if r := c.post(ample, 1); !r.healthy() {
			t.Errorf("before %s: %v", name, r.err)
		}
		set(t, h, network.Fault{Name: name})
		if r := c.post(soon, large); r.err == nil {
			t.Errorf("%s: got %d", name, r.status)
		}
		set(t, h)
	}
}

// At another address than 127.0.0.1, services and DNS work, and faults that need
// more addresses are refused.
func TestAnotherAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system has one loopback address")
	}
	address := netip.MustParseAddr("127.0.0.9")
	n, err := network.At(address)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	h, err := n.Serve("svc", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(wantBody) }))
	if err != nil {
		t.Fatal(err)
	}
	if got := lookupIPv4(t, n, "svc.test."); !slices.Equal(got, []string{address.String()}) {
		t.Errorf("svc.test is at %v, want %v", got, address)
	}
	for _, at := range []string{n.Resolver(), net.JoinHostPort(address.String(), strings.TrimPrefix(h.URL(), "https://svc.test:"))} {
		if c, err := net.Dial("tcp4", at); err != nil || !strings.HasPrefix(at, address.String()) {
			t.Errorf("at %s: %v", at, err)
		} else {
			c.Close()
		}
	}
	c := newClient(t, n, h, false)
	if r := c.post(ample, 1); !r.healthy() {
		t.Errorf("without a fault: %v", r.err)
	}
	for _, name := range []string{"connect-silent", "connect-first-silent", "connect-refused"} {
		if err := h.Set(network.Fault{Name: name}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// The address where SYNs are dropped can be used again and again.
func TestSilentAddressAgain(t *testing.T) {
	n, h := serve(t, false)
	c := newClient(t, n, h, false)
	for range 3 {
		for _, name := range []string{"connect-silent", "connect-first-silent"} {
			setOnLinux(t, h, name)
			call := c.start(ample, 1)
			eventually(t, "the connect", func() bool { return call.currentPhase() == fault.PhaseConnect })
			time.Sleep(soon)
			call.cancel()
			if r := <-call.result; !errors.Is(r.err, context.Canceled) {
				t.Errorf("%s: got %d, %v", name, r.status, r.err)
			}
		}
		set(t, h)
		if r := c.post(ample, 1); !r.healthy() {
			t.Errorf("healed: %d, %v", r.status, r.err)
		}
	}
}

// Close ends what hangs, whatever it hangs in.
func TestCloseEndsHangs(t *testing.T) {
	for _, name := range []string{"tls-silent", "send-stalls", "server-stopped", "connection-dead", "wait-silent", "receive-half", "receive-drip"} {
		t.Run(name, func(t *testing.T) {
			n, h := serve(t, false)
			c := newClient(t, n, h, true)
			if r := c.post(ample, 1); !r.healthy() {
				t.Fatal(r.err)
			}
			set(t, h, network.Fault{Name: name})
			call := c.start(ample, 1)
			time.Sleep(soon)
			if err := n.Close(); err != nil {
				t.Error(err)
			}
			if r := <-call.result; r.err == nil || errors.Is(r.err, context.DeadlineExceeded) {
				t.Errorf("got %d, %v; want a broken connection", r.status, r.err)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	_, h := serve(t, false)
	set(t, h, network.Fault{Name: "html"})
	for _, f := range []network.Fault{
		{Name: "nonsense"},
		{Name: "html", Times: -1},
		{Name: "html", Share: 1},
		{Name: "html", MaxMS: 1},
		{Name: "slow"},
		{Name: "slow", MinMS: 2, MaxMS: 1},
		{Name: "server-stopped", Times: 1},
	} {
		if err := h.Set(f); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
	if on := h.Faults(); len(on) != 1 || on[0].Name != "html" {
		t.Errorf("after refusals %v is on, want html", on)
	}
}
