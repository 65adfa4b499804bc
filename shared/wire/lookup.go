package wire

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"sync"
)

// Lookup finds the addresses of a host, in the order in which to try them. It asks
// the DNS server at resolver (host:port), or the system's where that is empty, and
// tells which server it asked last; none if the hosts file knew.
//
// It has a resolver of its own: a cancelled lookup of a shared one leaves its
// sockets open for seconds, and goroutines that read from them.
func Lookup(ctx context.Context, resolver, host string) (ips []netip.Addr, asked string, err error) {
	var l lookup
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, server string) (net.Conn, error) {
		server = cmp.Or(resolver, server)
		if err := l.ask(server); err != nil {
			return nil, err
		}
		c, err := new(net.Dialer).DialContext(ctx, network, server)
		if err != nil {
			return nil, err
		}
		return c, l.add(c)
	}}
	ips, err = r.LookupNetIP(ctx, "ip", host)
	return ips, l.end(), err
}

// lookup is what one lookup has open. The resolver goes on after its context
// ended, and asks again, until limits of its own end it: not here.
type lookup struct {
	mu      sync.Mutex
	sockets []net.Conn
	asked   string
	over    bool
}

// ask notes the server that is about to be asked.
func (l *lookup) ask(server string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return net.ErrClosed
	}
	l.asked = server
	return nil
}

// add takes a socket in, or closes it where the lookup is over.
func (l *lookup) add(c net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		c.Close()
		return net.ErrClosed
	}
	l.sockets = append(l.sockets, c)
	return nil
}

// end closes the sockets, and tells which server was asked last.
func (l *lookup) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, c := range l.sockets {
		c.Close()
	}
	return l.asked
}

// HostPort is the host and port of an http or https URL.
func HostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
