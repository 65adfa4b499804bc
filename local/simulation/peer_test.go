package simulation

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ragtime/shared/fault"
)

// peer is the far end of a connection.
type peer struct {
	net.Conn
	wired    *wired
	by       *walk // who opened it; nil if nobody knows
	host     int
	requests int
	idle     moment        // since when it rests, or rested before its present request; zero before the first
	gone     chan struct{} // closed when the client closed its end
}

// pooled tells whether the connection comes out of the pool for an attempt.
func (c *peer) pooled(k *walk) bool { return c.requests > 0 || c.by != k }

// pause is for what takes a time; what would end in a freeze ends after it. It returns
// false when nobody waits any more.
func (w *wired) pause(d time.Duration, over <-chan struct{}) bool {
	d += w.jitter()
	if until, frozen := within(w.freezes, time.Since(w.start)+d); frozen {
		d = until - time.Since(w.start) + 100*w.jitter()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
		return false
	}
}

// jitter keeps things from happening at one moment.
func (w *wired) jitter() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.random.Int64N(int64(100 * time.Microsecond)))
}

// resolve answers a query for addresses, over a stream.
func (w *wired) resolve(c *peer) {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return
	}
	if w.isBad(w.servers[c.host]) || w.drops6 && m.Questions[0].Type == dnsmessage.TypeAAAA {
		asked := time.Now()
		<-c.gone
		if time.Since(asked) >= time.Second {
			w.silence(c.host, true)
		}
		return
	}
	if !w.pause(w.trip+w.lookups, c.gone) {
		return
	}
	w.silence(c.host, false)
	m.Response, m.Additionals = true, nil
	for i := range w.hosts {
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
				Body:   &dnsmessage.AResource{A: [4]byte{127, byte(w.number), aHost, byte(i + 1)}},
			})
		}
	}
	out, _ := m.Pack()
	c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
}

// serve answers requests, one after the other.
func (w *wired) serve(c *peer) {
	h := w.hosts[c.host]
	if w.secure {
		if w.isBad(h) && h.phase == fault.PhaseTLS || c.by.strays(fault.PhaseTLS) {
			<-c.gone
			return
		}
		s := tls.Server(c.Conn, &tls.Config{Certificates: []tls.Certificate{certificate}, CurvePreferences: []tls.CurveID{tls.X25519}})
		if s.Handshake() != nil {
			return
		}
		c.by.entered(fault.PhaseSend)
		c.Conn = s
	}
	dead := false
	for in := bufio.NewReader(c); ; c.requests++ {
		if c.requests > 0 && w.dies > 0 {
			c.SetReadDeadline(time.Now().Add(w.dies + w.jitter()))
		}
		_, err := in.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) && w.silent {
			dead = true
			c.SetReadDeadline(time.Time{})
			_, err = in.Peek(1)
		}
		if err != nil {
			return
		}
		c.SetReadDeadline(time.Time{})
		if w.isBad(h) && h.phase == fault.PhaseSend {
			<-c.gone
			return
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		found, _ := w.byName.Load(r.Header.Get(mark))
		k := found.(*walk)
		if w.secure {
			k.begins(c)
		}
		k.entered(fault.PhaseWait)
		if !w.answer(c, k, r.Header.Get(mark), dead) {
			return
		}
		c.idle.since(time.Now())
	}
}

// answer answers a request as its attempt's fate is, and tells whether the connection lives on.
func (w *wired) answer(c *peer, k *walk, name string, dead bool) bool {
	h := w.hosts[c.host]
	bad := func(p fault.Phase) bool { return w.isBad(h) && h.phase == p }
	if dead || bad(fault.PhaseWait) || k.strays(fault.PhaseWait) {
		<-c.gone
		return false
	}
	takes := time.Duration(float64(w.median) * math.Exp(w.sigma*k.normal))
	if !w.pause(takes, c.gone) {
		return false
	}
	head, body := "HTTP/1.1 200 OK\r\n", name+strings.Repeat(".", 100)
	switch {
	case k.failsIn == "":
	case k.failsIn == fault.PhaseConnect: // it breaks
		if c.pooled(k) && k.movesOn(c) {
			k.failsIn = "" // and fares better
		}
		return false
	case k.fails < 0.4:
		head = "HTTP/1.1 503 Service Unavailable\r\n"
	case k.fails < 0.6:
		head = "HTTP/1.1 429 Too Many Requests\r\n"
	case k.fails < 0.8:
		head = fmt.Sprintf("HTTP/1.1 429 Too Many Requests\r\nRetry-After-Ms: %.0f\r\n", 20_000*(k.fails-0.6))
	default:
		head = "HTTP/1.1 401 Unauthorized\r\n"
	}
	k.entered(fault.PhaseReceive)
	if _, err := fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body[:50]); err != nil {
		return false
	}
	if bad(fault.PhaseReceive) || k.strays(fault.PhaseReceive) {
		<-c.gone
		return false
	}
	if k.failsIn == fault.PhaseReceive && k.fails < 0.2 {
		return false // it breaks off
	}
	if !w.pause(w.trip+takes/10, c.gone) {
		return false
	}
	if _, err := io.WriteString(c, body[50:]); err != nil {
		return false
	}
	if k.fails > 0.99 { // an answer that nobody asked for
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")
	}
	return true
}

// moment is a time that one goroutine notes and another one reads.
type moment struct{ at atomic.Pointer[time.Time] }

func (m *moment) since(t time.Time) { m.at.Store(&t) }

// get is the zero time before the first.
func (m *moment) get() time.Time {
	if t := m.at.Load(); t != nil {
		return *t
	}
	return time.Time{}
}
