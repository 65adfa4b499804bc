// Package network is the network between the functions and the remote services
// on this machine: names, addresses, TLS and connections, any of which can be
// made to fail on purpose, at the layer where it really fails.
//
//	n, err := network.New()
//	openai, err := n.Serve("openai", openai.API())  // https://openai.test:<port>, HTTP/1.1 and HTTP/2
//	err = openai.Set(network.Fault{Name: "wait-silent", Times: 1})
//	err = openai.Set()                              // heal
//
// A client needs the DNS server at Resolver to find the services, and the CA of
// CertPEM to trust them. Transport makes a client's transport with both.
//
// A fault of names, connects or handshakes meets only new connections. So that the
// next request makes one, Set ends the service's connections as they become idle,
// and gives their clients a moment to notice.
//
// Healing is like the end of an outage: what hung goes on from where it was, if the
// client is still there. There are two exceptions: a hanging connect is refused at
// its next SYN, and a lost DNS query stays lost.
//
// Connections run within one machine, so the kernel acknowledges bytes that nobody
// reads. A dead connection is therefore silent, but its packets are not lost.
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
	// Plain makes Serve speak HTTP/1.1 without TLS, for clients that take no CA.
	// Set it before the first Serve.
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

// At is New at another IPv4 address of this machine, such as one that containers
// can reach. Faults that need further addresses exist on loopback only.
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

// Resolver returns the address, host:port, of the network's DNS server, over UDP and
// TCP. The server asks the system's resolver for names that are not the network's own.
func (n *Network) Resolver() string { return n.names[0].address() }

// Resolvers returns the addresses of both DNS servers, with a comma between. The second
// one answers as the first one does, unless a fault concerns the first one only.
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

// CertPEM returns the certificate of the CA, in the format of SSL_CERT_FILE.
func (n *Network) CertPEM() []byte { return n.ca.pem }

// CertPool returns a pool with the certificate of the CA.
func (n *Network) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(n.ca.pem)
	return pool
}

// Transport returns a transport that finds and trusts the services. It speaks
// HTTP/2 where the server offers it. The caller closes its idle connections.
func (n *Network) Transport() *http.Transport {
	return &http.Transport{
		DialContext:       n.dial,
		TLSClientConfig:   &tls.Config{RootCAs: n.CertPool()},
		ForceAttemptHTTP2: true,
	}
}

// dial uses a resolver of its own, and closes its sockets when it returns. Dials that
// share a resolver share a lookup that hangs, and that lookup outlives them.
func (n *Network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(lookup context.Context, network, _ string) (net.Conn, error) {
		if ctx.Err() != nil { // the lookup may try again after dial has returned
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

// Serve serves a handler as https://<service>.test:<a free port>. own are the
// service's faults beside those that every service has.
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

// Host returns a service by its name; nil if there is none.
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

// Close stops the services and the DNS servers, and ends what is under way. A
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
