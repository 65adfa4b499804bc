package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"ragtime/shared/fault"
)

// conn is a connection that carries one exchange at a time.
type conn struct {
	client  *http.ClientConn
	socket  *socket
	host    string
	pooled  bool      // it was lent by the pool
	carried bool      // a request was sent over it
	used    time.Time // when the peer last showed that it is there
}

// close hangs up. The socket goes first: closing TLS politely writes to it, and
// may wait 5 s for a peer that takes nothing.
func (c *conn) close() {
	c.socket.Close()
	c.client.Close()
}

// age is how long the peer has not shown that it is there, by the wall clock, which
// goes on while the process is frozen.
func (c *conn) age(now time.Time) time.Duration { return now.Round(0).Sub(c.used.Round(0)) }

// kept tells whether the connection may stay in the pool. A clock that was set back
// says nothing of its age.
func (c *conn) kept(now time.Time) bool {
	age := c.age(now)
	return age >= 0 && age < idle && c.client.Err() == nil
}

// rested tells whether the connection may have died without a word.
func (c *conn) rested(now time.Time) bool { return c.age(now) >= trusted }

// fit tells whether the connection may be lent: the peer has not closed it, and
// nothing came over it that nobody asked for.
func (c *conn) fit(now time.Time) bool {
	return c.kept(now) && c.socket.fit()
}

// socket moves the bytes of one exchange at a time, and tells its watch of them. What
// comes before the request of a later exchange was sent is no answer to that: it ends the
// socket, and no byte of it is handed on, since net/http would log it, or take it for the
// answer. Before the first exchange there may be TLS's session tickets.
type socket struct {
	net.Conn
	watch atomic.Pointer[watch]
	stop  func() bool // keeps the end of the exchange from closing the socket
	broke atomic.Bool // the peer, or the network, ended it

	mu      sync.Mutex // guards what is below; held while bytes are taken from the system, so that they come before or after a change
	carried bool       // an exchange has ended
	wrote   bool       // something was written since it was attached
	read    bool       // something was read since it was attached
	early   bool       // something came that nobody had asked for
}

// errUnasked is of a connection on which something came that nobody had asked for.
var errUnasked = errors.New("the connection held an answer to no request")

// attach ties the socket to an exchange: it is closed if the exchange's context
// ends. net/http would do that too, but after the polite end of TLS.
func (s *socket) attach(w *watch) {
	s.mu.Lock()
	s.wrote, s.read = false, false
	s.mu.Unlock()
	s.watch.Store(w)
	s.stop = context.AfterFunc(w.ctx, func() { s.Conn.Close() })
}

// detach unties the socket, over which a request may have been sent. It returns false
// if the socket was closed before.
func (s *socket) detach(carried bool) bool {
	s.mu.Lock()
	s.carried = s.carried || carried
	s.wrote = false
	s.mu.Unlock()
	s.watch.Store(nil)
	return s.stop()
}

func (s *socket) Read(b []byte) (int, error) {
	n, err := readBytes(s.Conn, b, &s.mu, s.came)
	s.moved(n, fault.PhaseReceive)
	s.ended(err)
	return n, err
}

// came is asked, with the lock held, whether bytes that were just read are welcome.
func (s *socket) came() error {
	if s.carried && !s.wrote {
		s.early = true
		return errUnasked
	}
	s.read = true
	return nil
}

func (s *socket) Write(b []byte) (int, error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(b)
	s.moved(n, fault.PhaseSend)
	s.ended(err)
	return n, err
}

// begin has a last look before the first byte of a request is written.
func (s *socket) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrote {
		return nil
	}
	if s.carried && (s.early || !quiet(s.Conn)) {
		s.early = true
		return errUnasked
	}
	s.wrote = true
	return nil
}

// fit tells whether the socket may be attached again: nothing came over it that nobody
// had asked for, and the peer has not closed it.
func (s *socket) fit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.early && (!s.carried || quiet(s.Conn))
}

// buffered tells, when an answer begins, whether none of it was read since its request
// was sent: it was in some buffer before.
func (s *socket) buffered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.read
}

// ended notes an end that is not this side's own.
func (s *socket) ended(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.broke.Store(true)
	}
}

func (s *socket) moved(n int, p fault.Phase) {
	if w := s.watch.Load(); w != nil && n > 0 {
		w.progress(p)
	}
}
