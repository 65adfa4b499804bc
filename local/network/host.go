package network

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Host is a service on the network.
type Host struct {
	name           string
	address        netip.Addr
	plain          bool
	kinds          []Kind
	handler        http.Handler
	tcp            *net.TCPListener
	tlsConfig      *tls.Config
	wrongTLSConfig *tls.Config // with another name's certificate
	server         *http.Server
	serveErr       chan error    // gets the error of server.Serve
	ready          chan net.Conn // connections for the HTTP server, their handshake done

	setMu        sync.Mutex // one Set at a time; also guards smallBuffers
	smallBuffers bool       // new connections have small buffers

	mu        sync.Mutex // guards the fields up to isClosed
	faults    []*activeFault
	badServer io.Closer // what listens at the service's other address, while a fault needs one
	conns     []*conn   // in the order of accepting
	counts    Counts
	isClosed  bool

	closed chan struct{}  // closed by close
	tasks  sync.WaitGroup // accepting, handshakes, handlers
}

// Counts is what has reached a service since it started.
type Counts struct {
	Queries     int `json:"queries"`     // DNS queries for its name, of any type
	Connections int `json:"connections"` // accepted
	Requests    int `json:"requests"`    // whose header arrived, also those that met a fault
	HTTP2       int `json:"http2"`       // those of Requests that came over HTTP/2
}

func startHost(n *Network, service string, handler http.Handler, own []Kind) (*Host, error) {
	h := &Host{
		name:     service,
		address:  n.address,
		plain:    n.Plain,
		handler:  handler,
		serveErr: make(chan error, 1),
		ready:    make(chan net.Conn),
		closed:   make(chan struct{}),
	}
	var err error
	if h.kinds, err = kindsOf(own); err != nil {
		return nil, err
	}
	certificate, err := n.ca.issue(h.domain())
	if err != nil {
		return nil, err
	}
	h.tlsConfig = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{certificate},
	}
	h.wrongTLSConfig = h.tlsConfig.Clone()
	h.wrongTLSConfig.Certificates = []tls.Certificate{n.wrong}
	if h.tcp, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.address, 0))); err != nil {
		return nil, err
	}
	h.server = &http.Server{
		Handler:   http.HandlerFunc(h.serve),
		TLSConfig: h.tlsConfig,
		// Clients keep connections for 90 s (net/http) or less. This is longer, so that they close them and not the server.
		IdleTimeout:       2 * time.Minute,
		ReadHeaderTimeout: time.Minute,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(c net.Conn, s http.ConnState) {
			rawConn(c).setIdle(s == http.StateIdle || s == http.StateNew)
		},
		ErrorLog: log.New(io.Discard, "", 0), // faults make clients leave and handlers abort
	}
	h.tasks.Go(h.accept)
	go func() { h.serveErr <- h.server.Serve(readyListener{h}) }()
	return h, nil
}

func (h *Host) domain() string { return h.name + ".test" }

// Name returns the service's name.
func (h *Host) Name() string { return h.name }

// Kinds returns the faults that the service has.
func (h *Host) Kinds() []Kind { return slices.Clone(h.kinds) }

// URL returns the URL of the service's root.
func (h *Host) URL() string {
	scheme := "https"
	if h.plain {
		scheme = "http"
	}
	return scheme + "://" + net.JoinHostPort(h.domain(), strconv.Itoa(h.port()))
}

func (h *Host) port() int { return h.tcp.Addr().(*net.TCPAddr).Port }

// Counts returns what has reached the service so far.
func (h *Host) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts
}

// Faults returns the faults that are on. One that was met as often as Times allows is off.
func (h *Host) Faults() []Fault {
	out := []Fault{}
	for _, a := range h.activeFaults() {
		if !a.usedUp() {
			out = append(out, a.Fault)
		}
	}
	return out
}

func (h *Host) activeFaults() []*activeFault {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.faults
}

// meetFault returns the first active fault of a layer that the query, connection or request meets which comes now; nil
// if none. slow is not among them: see meetDelay.
func (h *Host) meetFault(l layer) *activeFault {
	for _, a := range h.activeFaults() {
		if a.kind.layer == l && a.kind.Name != kindSlow && a.meet() {
			return a
		}
	}
	return nil
}

// stopFault returns the active fault server-stopped; nil if there is none.
func (h *Host) stopFault() *activeFault {
	for _, a := range h.activeFaults() {
		if a.kind.Name == "server-stopped" {
			return a
		}
	}
	return nil
}

func (h *Host) close() error {
	h.setMu.Lock()
	defer h.setMu.Unlock()
	h.mu.Lock()
	h.isClosed = true
	close(h.closed)
	badServer := h.badServer
	h.badServer = nil
	h.mu.Unlock()
	errs := []error{h.tcp.Close()}
	if badServer != nil {
		errs = append(errs, badServer.Close())
	}
	// These are the connections below TLS. Closing TLS would write, which blocks on a stopped connection.
	for _, c := range h.connections() {
		c.Close()
	}
	errs = append(errs, h.server.Close())
	// Serve may have seen the listener close before its own end.
	if err := <-h.serveErr; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		errs = append(errs, err)
	}
	h.tasks.Wait()
	return errors.Join(errs...)
}

// waitOff waits until the fault is off. It reports false if gone or the host was closed first.
func (h *Host) waitOff(a *activeFault, gone <-chan struct{}) bool {
	select {
	case <-a.off:
		return true
	case <-gone:
	case <-h.closed:
	}
	return false
}
