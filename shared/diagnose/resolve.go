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

// maxAddresses is how many of a name's addresses are probed.
const maxAddresses = 16

// resolve returns the addresses to probe, with ports: of the service's host, or of the
// proxy's. It returns none where the probe fails here.
func (p *probe) resolve(ctx context.Context) (addresses []string) {
	if err := p.findProxy(); err != nil {
		p.fail(fault.PhaseConnect, fault.Upstream, err.Error(), nil)
		return nil
	}
	to := p.service.URL
	if p.proxy != nil {
		to = p.proxy
	}
	if _, err := netip.ParseAddr(to.Hostname()); err == nil {
		return []string{wire.HostPort(to)}
	}
	p.runPhase(ctx, fault.PhaseDNS, func(ctx context.Context) (string, error) {
		ips, asked, err := wire.Lookup(ctx, p.options.Resolver, to.Hostname())
		p.resolver = asked
		if err != nil {
			return "", err
		}
		_, port, _ := net.SplitHostPort(wire.HostPort(to)) // cannot fail
		var left []string
		for i, ip := range ips {
			address := net.JoinHostPort(ip.Unmap().String(), port)
			if len(addresses) == maxAddresses || !hasRoute(address) && (len(addresses) > 0 || i < len(ips)-1) {
				left = append(left, ip.Unmap().String())
				continue
			}
			addresses = append(addresses, address)
		}
		by := p.resolverName()
		if p.resolver == "" {
			by = "the hosts file"
		}
		return fmt.Sprintf("%s: %s%s, by %s", to.Hostname(), strings.Join(addresses, ", "), leftOutText(left), by), nil
	})
	return addresses
}

func (p *probe) resolverName() string { return strings.TrimSpace("the resolver " + p.resolver) }

// hasRoute tells whether there is a route to an address. It sends nothing. Where there is
// no IPv6, requests skip IPv6 addresses at once, so probes leave them out.
func hasRoute(address string) bool {
	c, err := net.Dial("udp", address) //nolint:noctx // it waits for nothing
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func leftOutText(ips []string) string {
	if len(ips) == 0 {
		return ""
	}
	return fmt.Sprintf(" (left out, without a route or beyond %d: %s)", maxAddresses, strings.Join(ips, ", "))
}
