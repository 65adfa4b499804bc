package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"ragtime/shared/fault"
)

// conn is a connection that carries one exchange at a time.
type conn struct {
	client *http.ClientConn
	socket *socket
	host   string
	reused bool
	used   time.Time // when the peer last showed that it is there
}

// close hangs up. The socket goes first: closing TLS politely writes to it, and
// may wait 5 s for a peer that takes nothing.
func (c *conn) close() {
	c.socket.Close()
	c.client.Close()
}

// trusted tells whether the connection may be lent again.
func (c *conn) trusted(now time.Time) bool {
	return now.Round(0).Sub(c.used.Round(0)) < idle && c.client.Err() == nil
}

// socket moves the bytes of one exchange at a time, and tells its watch of them.
type socket struct {
	net.Conn
	watch atomic.Pointer[watch]
	stop  func() bool // keeps the end of the exchange from closing the socket
	broke atomic.Bool // the peer, or the network, ended it
}

// carry ties the socket to an exchange: it is closed if the exchange's context
// ends. net/http would do that too, but after the polite end of TLS.
func (s *socket) carry(w *watch) {
	s.watch.Store(w)
	s.stop = context.AfterFunc(w.ctx, func() { s.Conn.Close() })
}

// rest unties the socket. It returns false if the socket was closed before.
func (s *socket) rest() bool {
	s.watch.Store(nil)
	return s.stop()
}

func (s *socket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.moved(n, fault.PhaseReceive)
	s.ended(err)
	return n, err
}

func (s *socket) Write(b []byte) (int, error) {
	n, err := s.Conn.Write(b)
	s.moved(n, fault.PhaseSend)
	s.ended(err)
	return n, err
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
