// Package network is the network between the functions and the remote services
// on this machine: names, addresses, TLS and connections, any of which can be
// made to fail on purpose, at the layer where it really fails.
//
//	n, err := network.New()
//	openai, err := n.Serve("openai", openai.API())  // https://openai.test:<port>, HTTP/1.1 and HTTP/2
//	err = openai.Set(network.Fault{Name: "wait-silent", Times: 1})
//	err = openai.Set()                              // heal
//
// A client finds the services when it asks the DNS server at Resolver, and
// trusts them by the CA of CertPEM; Transport makes one that does both.
//
// A fault of names, connects or handshakes meets new connections. So that the
// next request makes one, Set ends the service's connections as they become
// idle, and gives their clients a moment to notice. Healing is what the end of an outage is: what hung goes on from where
// it was, as far as the client is still there, except that a hanging connect
// is refused at its next SYN, and a lost DNS query stays lost.
//
// Connections run within one machine, so the kernel acknowledges what nobody reads:
// a dead connection is silent here, but it is not cut from the peer's kernel.
package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"sync"
)

// Network has the services' names, certificates and faults. Safe for concurrent use.
type Network struct {
	// Plain makes Serve speak HTTP/1.1 without TLS, for clients that cannot be
	// told of a CA. Set it before the first Serve.
	Plain bool

	address netip.Addr // of the services and the DNS server

	ca    authority
	wrong tls.Certificate // of a name that no service has
	names [2]*nameServer

	mu     sync.Mutex
	hosts  []*Host // in the order of Serve
	closed bool
}

// New starts a network without services, on loopback.
func New() (*Network, error) { return At(loopback) }

// At is New at another IPv4 address of this machine, where containers can reach
// it. Faults that need further addresses are on loopback alone.
func At(address netip.Addr) (*Network, error) {
	n := &Network{address: address}
	var err error
	if n.ca, err = newAuthority(); err != nil {
		return nil, err
	}
	if n.wrong, err = n.ca.issue("wrong.test"); err != nil {
		return nil, err
	}
	for i := range n.names {
		if n.names[i], err = startNameServer(address, n.find, i > 0); err != nil {
			return nil, errors.Join(err, n.closeNames())
		}
	}
	return n, nil
}

// Resolver is the address, host:port, of the network's DNS server, over UDP and
// TCP. Names that are not the network's own it answers through the system's resolver.
func (n *Network) Resolver() string { return n.names[0].address() }

// Resolvers are the addresses of both DNS servers, with a comma between. The second one
// answers as the first one does, except where a fault tells them apart.
func (n *Network) Resolvers() string { return n.names[0].address() + "," + n.names[1].address() }

func (n *Network) closeNames() error {
	var errs []error
	for _, s := range n.names {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// CertPEM is the certificate of the CA, as a file for SSL_CERT_FILE.
func (n *Network) CertPEM() []byte { return n.ca.pem }

// CertPool has the certificate of the CA.
func (n *Network) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(n.ca.pem)
	return pool
}

// Transport makes a transport that finds and trusts the services. It speaks
// HTTP/2 where it is offered. Its idle connections are the caller's to close.
func (n *Network) Transport() *http.Transport {
	return &http.Transport{DialContext: n.dial, TLSClientConfig: &tls.Config{RootCAs: n.CertPool()}, ForceAttemptHTTP2: true}
}

// dial has a resolver of its own, whose sockets close with it: those who share
// a resolver share the lookup that hangs, and it lasts longer than they do.
func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(lookup context.Context, network, _ string) (net.Conn, error) {
		if ctx.Err() != nil { // a lookup goes on, and asks again, until its own limits end it
			return nil, ctx.Err()
		}
		c, err := new(net.Dialer).DialContext(lookup, network, n.Resolver())
		if err == nil {
			context.AfterFunc(ctx, func() { c.Close() })
		}
		return c, err
	}}
	return (&net.Dialer{Resolver: resolver}).DialContext(ctx, network, address)
}

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Serve serves a handler as https://<service>.test:<a free port>. The service
// has the faults that every service has, and its own.
func (n *Network) Serve(service string, handler http.Handler, own ...Kind) (*Host, error) {
	if !serviceName.MatchString(service) {
		return nil, fmt.Errorf("network: %q is no name of a service", service)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errors.New("network: closed")
	}
	for _, h := range n.hosts {
		if h.name == service {
			return nil, fmt.Errorf("network: %s is served already", service)
		}
	}
	h, err := startHost(n, service, handler, own)
	if err == nil {
		n.hosts = append(n.hosts, h)
	}
	return h, err
}

// Host finds a service by its name; nil if there is none.
func (n *Network) Host(service string) *Host {
	return n.find(func(h *Host) bool { return h.name == service })
}

func (n *Network) find(is func(*Host) bool) *Host {
	for _, h := range n.services() {
		if is(h) {
			return h
		}
	}
	return nil
}

func (n *Network) services() []*Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[:len(n.hosts):len(n.hosts)]
}

// Close stops the services and the DNS server, and cuts what is under way. A
// second Close does nothing.
func (n *Network) Close() error {
	n.mu.Lock()
	again := n.closed
	n.closed = true
	n.mu.Unlock()
	if again {
		return nil
	}
	var errs []error
	for _, h := range n.services() {
		errs = append(errs, h.close())
	}
	return errors.Join(append(errs, n.closeNames())...)
}
