package diagnose

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
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
		return []string{wire.HostPort(to)}
	}
	w.pass(ctx, fault.PhaseDNS, func(ctx context.Context) (string, error) {
		ips, asked, err := wire.Lookup(ctx, w.options.Resolver, to.Hostname())
		w.resolver = asked
		if err != nil {
			return "", err
		}
		_, port, _ := net.SplitHostPort(wire.HostPort(to)) // it was just joined
		var left []string
		for i, ip := range ips {
			address := net.JoinHostPort(ip.Unmap().String(), port)
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
