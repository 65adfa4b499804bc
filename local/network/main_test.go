package network_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wantBody is what the service under test answers.
var wantBody = []byte(`{"text":"` + strings.Repeat("x", 10_000) + `"}`)

func serve(t *testing.T, plain bool, own ...network.Kind) (*network.Network, *network.Host) {
	t.Helper()
	n, err := network.New()
	if err != nil {
		t.Fatal(err)
	}
	n.Plain = plain
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	h, err := n.Serve("echo", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Write(wantBody)
	}), own...)
	if err != nil {
		t.Fatal(err)
	}
	return n, h
}

func set(t *testing.T, h *network.Host, faults ...network.Fault) {
	t.Helper()
	if err := h.Set(faults...); err != nil {
		t.Fatal(err)
	}
}

// setOnLinux skips the test where another system does not have the fault.
func setOnLinux(t *testing.T, h *network.Host, name string) {
	t.Helper()
	err := h.Set(network.Fault{Name: name})
	if err != nil && runtime.GOOS != "linux" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// client is a real client with the transport of the network.
type client struct {
	t    testing.TB
	host *network.Host
	*http.Transport
}

type callKey struct{}

func newClient(t *testing.T, n *network.Network, h *network.Host, http2 bool) client {
	c := client{t, h, n.Transport()}
	if !http2 {
		c.ForceAttemptHTTP2 = false
		c.Protocols = new(http.Protocols)
		c.Protocols.SetHTTP1(true)
	}
	// net/http's dials outlive their request; these end with it.
	dial := c.DialContext
	c.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(ctx.Value(callKey{}).(context.Context), cancel)()
		return dial(ctx, network, address)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// result is the outcome of a request.
type result struct {
	status int
	proto  string
	body   []byte
	phase  fault.Phase // the last one
	err    error
}

func (r result) healthy() bool {
	return r.err == nil && r.status == 200 && bytes.Equal(bytes.TrimRight(r.body, " "), wantBody)
}

// call is a request under way.
type call struct {
	cancel context.CancelFunc
	result chan result

	mu    sync.Mutex // net/http's goroutines outlive the request
	phase fault.Phase
}

// setPhase moves the call to a phase.
func (c *call) setPhase(p fault.Phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p == fault.PhaseWait && c.phase == fault.PhaseReceive {
		return // over HTTP/2 an answer may come before net/http says that the request was written
	}
	c.phase = p
}

func (c *call) currentPhase() fault.Phase {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase
}

func (c *call) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:  func(string) { c.setPhase(fault.PhaseBlocked) },
		DNSStart: func(httptrace.DNSStartInfo) { c.setPhase(fault.PhaseDNS) },
		ConnectStart: func(network, _ string) {
			if strings.HasPrefix(network, "tcp") {
				c.setPhase(fault.PhaseConnect)
			}
		},
		TLSHandshakeStart: func() { c.setPhase(fault.PhaseTLS) },
		GotConn:           func(httptrace.GotConnInfo) { c.setPhase(fault.PhaseSend) },
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err == nil { // it is called for a failure, too
				c.setPhase(fault.PhaseWait)
			}
		},
		GotFirstResponseByte: func() { c.setPhase(fault.PhaseReceive) },
	}
}

// start sends a request with a body of size bytes and a time limit of d. It does not follow redirects.
func (c client) start(d time.Duration, size int) *call {
	ctx, cancel := context.WithTimeout(c.t.Context(), d)
	out := &call{cancel: cancel, result: make(chan result, 1)}
	go func() {
		defer cancel()
		r := c.roundTrip(httptrace.WithClientTrace(context.WithValue(ctx, callKey{}, ctx), out.trace()), size)
		r.phase = out.currentPhase()
		out.result <- r
	}()
	return out
}

func (c client) post(d time.Duration, size int) result { return <-c.start(d, size).result }

func (c client) roundTrip(ctx context.Context, size int) (r result) {
	req, err := http.NewRequestWithContext(ctx, "POST", c.host.URL()+"/path?q=1", bytes.NewReader(make([]byte, size)))
	if err != nil {
		return result{err: err}
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return result{err: err}
	}
	defer resp.Body.Close()
	r.status = resp.StatusCode
	r.proto = resp.Proto
	r.body, r.err = io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return r
}

// eventually waits for a condition that is sure to hold at some time.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(ample); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, ample)
		}
	}
}
