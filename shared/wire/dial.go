package wire

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"time"

	"ragtime/shared/fault"
)

// stagger is how long an address may be silent before the next one is tried
// beside it (RFC 8305, "Connection Attempt Delay").
const stagger = 250 * time.Millisecond

// dial resolves a name and connects to the first of its addresses that answers,
// for the exchange of ctx. Nothing of it outlives ctx.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	x := ctx.Value(exchangeKey{}).(*exchange) // only newExchange makes contexts to dial with
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := x.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	ips = order(&x.transport.memory, ips, func(ip netip.Addr) string { return net.JoinHostPort(ip.Unmap().String(), port) })
	c, err := x.connect(ctx, network, ips, port)
	if err != nil {
		return nil, err
	}
	x.watch.enter(fault.PhaseConnect, x.transport.limits.Connect) // a proxy has yet to connect
	x.attach(&socket{Conn: c})
	return x.socket, nil
}

// resolve finds the addresses of a host, in the order in which to try them.
func (x *exchange) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	x.watch.enter(fault.PhaseDNS, x.transport.limits.DNS)
	n := names{servers: x.transport.resolver, memory: &x.transport.memory, dial: x.transport.dial}
	return x.transport.lookups.resolve(ctx, n, host)
}

// connect races the addresses, each starting a little after the one before it,
// or when one failed. The first connection wins; the others are closed.
func (x *exchange) connect(ctx context.Context, network string, ips []netip.Addr, port string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	type dialed struct {
		to   string
		conn net.Conn
		err  error
	}
	results := make(chan dialed)
	running := 0
	defer func() {
		cancel()
		for ; running > 0; running-- {
			late := <-results
			if late.conn != nil {
				late.conn.Close()
			} else if x.opened == nil {
				x.transport.memory.learn(late.to, false) // another one was quicker, or nobody waits any more
			}
		}
	}()
	next := time.NewTicker(stagger)
	defer next.Stop()
	var failed error
	for {
		if len(ips) > 0 && ctx.Err() == nil {
			to := net.JoinHostPort(ips[0].Unmap().String(), port)
			ips = ips[1:]
			x.watch.enter(fault.PhaseConnect, x.transport.limits.Connect)
			x.describeAddress(to)
			running++
			go func() {
				c, err := x.transport.dial(ctx, network, to)
				results <- dialed{to, c, err}
			}()
			next.Reset(stagger)
		}
		if running == 0 {
			return nil, cmp.Or(failed, ctx.Err())
		}
		select {
		case d := <-results:
			running--
			if d.err == nil {
				return d.conn, nil
			}
			failed = d.err
			if x.opened == nil || ctx.Err() == nil {
				x.transport.memory.learn(d.to, false)
			}
		case <-next.C:
		}
	}
}
