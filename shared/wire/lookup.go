package wire

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// nextServer is how long a DNS server may be silent before the next one is
	// asked. The system's own limit is 5 s a server (resolv.conf(5), "timeout").
	nextServer = time.Second
	// resolutionDelay is how long an answer for the other family of addresses is
	// waited for (RFC 8305, "Resolution Delay").
	resolutionDelay = 50 * time.Millisecond
)

// Lookup finds the addresses of a host, in the order in which to try them. It asks
// the DNS servers at resolver (host:port, several with commas between), or the
// system's where that is empty, and tells which server it asked last; none if the
// hosts file knew.
func Lookup(ctx context.Context, resolver, host string) (ips []netip.Addr, asked string, err error) {
	return lookUp(ctx, names{servers: servers(resolver), dial: new(net.Dialer).DialContext}, host)
}

func servers(resolver string) []string {
	if resolver == "" {
		return nil
	}
	return strings.Split(resolver, ",")
}

// names is who is asked for a name's addresses.
type names struct {
	servers []string // empty: the system's
	memory  *memory  // may be nil
	dial    dialer
}

// lookUp asks for both families of addresses at once. An answer that came alone is
// good enough after the resolution delay.
func lookUp(ctx context.Context, n names, host string) ([]netip.Addr, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		ips   []netip.Addr
		asked string
		err   error
	}
	families := []string{"ip4", "ip6"}
	answers := make(chan answer, len(families))
	for _, family := range families {
		go func() {
			l := &lookup{names: n}
			ips, err := l.resolver().LookupNetIP(ctx, family, host)
			answers <- answer{ips, l.end(), err}
		}()
	}
	var ips []netip.Addr
	var asked string
	var failed error
	var over <-chan time.Time
	pending := len(families)
	for pending > 0 {
		select {
		case a := <-answers:
			pending--
			ips = append(ips, a.ips...)
			if a.asked != "" {
				asked = a.asked
			}
			// That a name has no address of one family is no failure.
			if dns := as[*net.DNSError](a.err); a.err != nil && (failed == nil || dns == nil || !dns.IsNotFound) {
				failed = a.err
			}
			if len(ips) > 0 && over == nil {
				timer := time.NewTimer(resolutionDelay)
				defer timer.Stop()
				over = timer.C
			}
		case <-over:
			cancel()
			over = nil
		}
	}
	if len(ips) > 0 {
		return ips, asked, nil
	}
	return nil, asked, failed
}

// lookup is what one lookup has open. The resolver goes on after its context
// ended, and asks again, until limits of its own end it: not here. It has a resolver of
// its own: a cancelled lookup of a shared one leaves its sockets open for seconds,
// and goroutines that read from them.
type lookup struct {
	names
	mu      sync.Mutex
	sockets []net.Conn
	asks    map[string]int  // of our own servers
	passed  map[string]bool // servers passed over because they failed lately
	asked   string
	over    bool
}

func (l *lookup) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, server string) (net.Conn, error) {
		server, err := l.choose(server)
		if err != nil {
			return nil, err
		}
		c, err := l.dial(ctx, network, server)
		if err != nil {
			l.memory.learn(dnsAddress(server), false)
			return nil, err
		}
		return l.bounded(c, server), l.add(c)
	}}
}

// dnsAddress keeps a server apart from a service at the same address.
func dnsAddress(server string) string { return "dns:" + server }

var errPassedOver = errors.New("this DNS server did not answer lately: the next one is asked first")

// choose says which server is asked where the resolver would ask the given one:
// the next of our own, or the system's, whose turn comes later if it failed lately.
func (l *lookup) choose(server string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return "", net.ErrClosed
	}
	if len(l.servers) > 0 {
		server = l.next()
	} else if several() && l.memory.bad(dnsAddress(server)) && !l.passed[server] {
		if l.passed == nil {
			l.passed = map[string]bool{}
		}
		l.passed[server] = true
		return "", errPassedOver
	}
	l.asked = server
	return server, nil
}

// next is the server of our own that was asked least often, the better known first.
func (l *lookup) next() string {
	if l.asks == nil {
		l.asks = map[string]int{}
	}
	all := l.servers
	if l.memory != nil {
		all = order(l.memory, all, dnsAddress)
	}
	server := slices.MinFunc(all, func(a, b string) int { return l.asks[a] - l.asks[b] })
	l.asks[server]++
	return server
}

// several tells whether the system has more than one DNS server to ask.
var several = sync.OnceValue(func() bool {
	conf, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return false
	}
	n := 0
	for line := range strings.Lines(string(conf)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			n++
		}
	}
	return n > 1
})

// bounded gives a server's socket less time, where another one can be asked.
func (l *lookup) bounded(c net.Conn, server string) net.Conn {
	if len(l.servers) < 2 && (len(l.servers) > 0 || !several()) {
		return c
	}
	learn := func(answered bool) { l.memory.learn(dnsAddress(server), answered) }
	if udp, ok := c.(*net.UDPConn); ok { // the resolver speaks otherwise over what is no PacketConn
		return &boundedUDP{udp, learn}
	}
	return &boundedConn{c, learn}
}

type boundedUDP struct {
	*net.UDPConn
	learn func(answered bool)
}

func (b *boundedUDP) SetDeadline(t time.Time) error { return b.UDPConn.SetDeadline(sooner(t)) }

func (b *boundedUDP) Read(p []byte) (int, error) {
	n, err := b.UDPConn.Read(p)
	tell(b.learn, err)
	return n, err
}

type boundedConn struct {
	net.Conn
	learn func(answered bool)
}

func (b *boundedConn) SetDeadline(t time.Time) error { return b.Conn.SetDeadline(sooner(t)) }

func (b *boundedConn) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	tell(b.learn, err)
	return n, err
}

func sooner(t time.Time) time.Time {
	if limit := time.Now().Add(nextServer); t.IsZero() || t.After(limit) {
		return limit
	}
	return t
}

// tell learns from a read: an answer, or silence. A socket that was closed says neither.
func tell(learn func(bool), err error) {
	switch {
	case err == nil:
		learn(true)
	case errors.Is(err, os.ErrDeadlineExceeded), is[*net.OpError](err) && !errors.Is(err, net.ErrClosed):
		learn(false)
	}
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
