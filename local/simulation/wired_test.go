package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// wired is a service that is called over the real wire, by connections in memory.
type wired struct {
	*network
	process   *process
	number    int // of the service, from 0
	transport *wire.Transport
	url       string
	secure    bool
	size      int // of a request's body

	names    atomic.Int64
	byName   sync.Map // of trials, as their requests have it
	byRecord sync.Map // of trials, by their *evidence.Attempt
}

// mark is the header that says whose request it is.
const mark = "X-Trial"

func newWired(p *process, number int, n *network) *wired {
	w := &wired{network: n, process: p, number: number, size: 64, url: "http://example.com/"}
	for _, h := range n.hosts {
		if h.phase == fault.PhaseSend {
			w.size = 16 << 10 // a short one is sent at once, whoever listens
		}
	}
	if w.size == 64 && p.seed%8 == 0 { // TLS costs a millisecond
		w.secure, w.url = true, "https://example.com/"
	}
	var servers []string
	for i := range n.servers {
		servers = append(servers, w.address(aServer, i))
	}
	w.transport = wire.New(wire.Options{Resolver: strings.Join(servers, ","), Dial: w.dial})
	return w
}

// address is where a DNS server or a host is.
func (w *wired) address(what, i int) string {
	port := 53
	if what == aHost {
		if port = 80; w.secure {
			port = 443
		}
	}
	return fmt.Sprintf("127.%d.%d.%d:%d", w.number, what, i+1, port)
}

// number is which server or host an address is.
func numberOf(address string) (what, i int) {
	part := strings.Split(strings.Split(address, ":")[0], ".")
	what, _ = strconv.Atoi(part[2])
	i, _ = strconv.Atoi(part[3])
	return what, i - 1
}

// try is an attempt of a call over the wire.
func (w *wired) try(ctx context.Context, k *walk) error {
	name := strconv.FormatInt(w.names.Add(1), 10)
	w.byName.Store(name, k)
	w.byRecord.Store(k.attempt, k)
	r, err := http.NewRequestWithContext(ctx, "POST", w.url, bytes.NewReader(make([]byte, w.size)))
	if err != nil {
		return err
	}
	r.Header.Set(mark, name)
	k.call.entered(k.trial, fault.PhaseBlocked)
	defer func() {
		if n := k.dialing.Load(); n > 0 {
			w.process.broken(k.call, "left dialing: %d sockets are being opened when attempt %d ends", n, k.trial.number)
		}
	}()
	resp, err := w.transport.RoundTrip(r)
	if err != nil {
		return classified(err)
	}
	defer resp.Body.Close()
	if w.stream && resp.StatusCode == http.StatusOK {
		k.call.committed(k.trial)
		attempt.Commit(ctx)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return classified(err)
	}
	after := wire.RetryAfter(resp.Header)
	switch s := resp.StatusCode; {
	case s == http.StatusTooManyRequests:
		return &fault.Error{Kind: fault.RateLimited, Detail: "throttled", RetryAfter: after}
	case s >= http.StatusInternalServerError:
		return &fault.Error{Kind: fault.Unavailable, Detail: "it is failing", RetryAfter: after}
	case s != http.StatusOK:
		return &fault.Error{Kind: fault.Upstream, Detail: "it refuses"}
	}
	if got := strings.TrimRight(string(body), "."); got != name {
		w.process.broken(nil, "wrong answer: attempt %s got the answer of %q", name, got)
	}
	return nil
}

func classified(err error) error {
	if f := wire.Classify("the service", err); f != nil {
		return f
	}
	return err
}

// dial opens a socket to a DNS server or a host.
func (w *wired) dial(ctx context.Context, network, address string) (net.Conn, error) {
	what, i := numberOf(address)
	k, _ := w.byRecord.Load(evidence.Current(ctx))
	by, _ := k.(*walk)
	if by != nil {
		by.dialing.Add(1)
		defer by.dialing.Add(-1)
	}
	refused := &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	if what == aServer {
		by.entered(fault.PhaseDNS)
		by.asked(i)
		if h := w.servers[i]; w.isBad(h) && h.phase == "" {
			w.silence(i, true)
			return nil, refused
		}
		return w.pipe(by, i, w.resolve), nil
	}
	by.entered(fault.PhaseConnect)
	by.dialed(i)
	h := w.hosts[i]
	switch {
	case w.isBad(h) && h.phase == "":
		w.dislike(i)
		return nil, refused
	case w.isBad(h) && h.phase == fault.PhaseConnect, by.strays(fault.PhaseConnect):
		<-ctx.Done()
		w.dislike(i)
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	if !w.pause(w.trip, ctx.Done()) {
		w.dislike(i)
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	by.entered(fault.PhaseSend, fault.PhaseTLS)
	if by != nil && !by.hasSent() { // else it is opened beside the attempt's own connection
		by.uses(i)
	}
	return w.pipe(by, i, w.serve), nil
}

// pipe is a connection whose other end is served.
func (w *wired) pipe(by *walk, host int, serve func(*peer)) net.Conn {
	near, far := net.Pipe()
	c := &peer{Conn: far, wired: w, by: by, host: host, gone: make(chan struct{})}
	go func() {
		defer far.Close()
		serve(c)
	}()
	return &nearEnd{Conn: near, peer: c}
}

// nearEnd is the client's end. It knows what the client writes, and when it closes.
type nearEnd struct {
	net.Conn
	peer *peer
	once sync.Once
}

func (c *nearEnd) Close() error {
	c.once.Do(func() { close(c.peer.gone) })
	return c.Conn.Close()
}

func (c *nearEnd) RemoteAddr() net.Addr {
	what := aHost
	a, _ := net.ResolveTCPAddr("tcp", c.peer.wired.address(what, c.peer.host))
	return a
}

func (c *nearEnd) Write(b []byte) (int, error) {
	var k *walk
	if !c.peer.wired.secure {
		if _, after, ok := bytes.Cut(b, []byte(mark+": ")); ok {
			name, _, _ := bytes.Cut(after, []byte("\r\n"))
			found, _ := c.peer.wired.byName.Load(string(name))
			k = found.(*walk)
			k.begins(c.peer)
		}
	}
	n, err := c.Conn.Write(b)
	if k != nil && errors.Is(err, io.ErrClosedPipe) && c.peer.pooled(k) {
		k.movesOn(c.peer) // which had closed it
	}
	return n, err
}

// begins notes that an attempt sends its request over a connection.
func (k *walk) begins(c *peer) {
	k.entered(fault.PhaseSend)
	k.uses(c.host)
	k.lent(c.idle.get())
	k.call.sent(k.trial)
}

// entered notes where the attempt is: in the last of the phases that it may be in.
func (k *walk) entered(phases ...fault.Phase) {
	if k == nil {
		return
	}
	p := phases[0]
	if len(phases) > 1 && k.call.network.wired.secure {
		p = phases[1]
	}
	k.call.entered(k.trial, p)
}

// uses notes the host that the attempt is connected to.
func (k *walk) uses(host int) {
	if k != nil {
		k.call.uses(k.trial, host)
	}
}

func (k *walk) hasSent() (sent bool) {
	k.call.set(func() { sent = !k.trial.sent.IsZero() && !k.moved.Load() })
	return sent
}

// movesOn is for an attempt whose connection of the pool broke before anything was
// answered: it may take another one, once. It tells whether it does.
func (k *walk) movesOn(from *peer) bool {
	from.wired.dislike(from.host)
	if k.moved.Swap(true) {
		return false
	}
	k.mu.Lock()
	k.known.failed[from.host] = time.Now()
	k.mu.Unlock()
	k.uses(-1)
	k.entered(fault.PhaseBlocked)
	return true
}

// strays tells whether the attempt's fate is to hang in a phase.
func (k *walk) strays(p fault.Phase) bool { return k != nil && k.strayIn == p }

// drawFate says where an attempt hangs or fails by itself; "" is nowhere.
func (k *walk) drawFate(r *rand.Rand) {
	if r.Float64() < k.stray {
		k.strayIn = pick(r, fault.PhaseConnect, fault.PhaseTLS, fault.PhaseWait, fault.PhaseWait, fault.PhaseReceive)
	}
	if r.Float64() < k.failing {
		k.failsIn = pick(r, fault.PhaseConnect, fault.PhaseWait, fault.PhaseReceive)
	}
}
