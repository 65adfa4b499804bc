package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"ragtime/shared/fault"
)

// mostAddresses is how many of a name's addresses are walked to.
const mostAddresses = 16

// resolve finds the addresses, with ports, to walk to: of the service's host, or
// of the proxy's. There are none if the way ends here.
func (w *way) resolve(ctx context.Context) (addresses []string) {
	if err := w.findProxy(); err != nil {
		w.fail(fault.PhaseConnect, fault.Upstream, err.Error(), nil)
		return nil
	}
	to := w.service.URL
	if w.proxy != nil {
		to = w.proxy
	}
	if _, err := netip.ParseAddr(to.Hostname()); err == nil {
		return []string{hostPort(to)}
	}
	w.pass(ctx, fault.PhaseDNS, func(ctx context.Context) (string, error) {
		ips, err := w.lookup(ctx, to.Hostname())
		if err != nil {
			return "", err
		}
		var left []string
		for i, ip := range ips {
			address := net.JoinHostPort(ip.Unmap().String(), port(to))
			if len(addresses) == mostAddresses || !routed(address) && (len(addresses) > 0 || i < len(ips)-1) {
				left = append(left, ip.Unmap().String())
				continue
			}
			addresses = append(addresses, address)
		}
		by := w.asked()
		if w.resolver == "" {
			by = "the hosts file"
		}
		return fmt.Sprintf("%s: %s%s, by %s", to.Hostname(), strings.Join(addresses, ", "), leftOut(left), by), nil
	})
	return addresses
}

// lookup asks a resolver of its own: a cancelled lookup of a shared one leaves
// sockets and goroutines for seconds.
func (w *way) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asked sync.Mutex // guards w.resolver, from lookups that go on after their time
	r := &net.Resolver{PreferGo: true, Dial: func(lookup context.Context, network, server string) (net.Conn, error) {
		if err := ctx.Err(); err != nil { // a lookup goes on and asks again, until its own limits end it
			return nil, err
		}
		server = cmp.Or(w.options.Resolver, server)
		asked.Lock()
		if ctx.Err() == nil {
			w.resolver = server
		}
		asked.Unlock()
		c, err := new(net.Dialer).DialContext(lookup, network, server)
		if err == nil {
			closeWith(ctx, c)
		}
		return c, err
	}}
	ips, err := r.LookupNetIP(ctx, "ip", host)
	asked.Lock()
	defer asked.Unlock()
	cancel() // under the lock: no lookup notes a resolver after this
	return ips, err
}

// asked is the resolver, for people.
func (w *way) asked() string { return strings.TrimSpace("the resolver " + w.resolver) }

// routed tells whether there is a route to an address. It sends nothing. Without
// IPv6 an IPv6 address has none, and requests pass it by in no time.
func routed(address string) bool {
	c, err := net.Dial("udp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func leftOut(ips []string) string {
	if len(ips) == 0 {
		return ""
	}
	return fmt.Sprintf(" (left out, without a route or beyond %d: %s)", mostAddresses, strings.Join(ips, ", "))
}

// hostPort is the host and port of a URL.
func hostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), port(u)) }

func port(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}
