package network

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// conn is an accepted connection, below TLS, that can be stopped. A stopped
// connection neither reads nor writes, deadlines do not pass on it, and only its
// owner can close it.
type conn struct {
	net.Conn // not *net.TCPConn, whose ReadFrom would go around Write
	tcp      *net.TCPConn
	onClose  func(*conn)

	mu            sync.Mutex
	stopped       chan struct{} // nil while the connection runs; closed to resume
	stops         int           // how often it was stopped
	active        int           // reads and writes that are in the kernel
	noneActive    sync.Cond     // active is 0
	readDeadline  time.Time     // the deadlines that the user set
	writeDeadline time.Time
	upper         net.Conn // the TLS connection, or this one, once the HTTP server has it
	retired       bool     // to be ended when idle
	idle          bool

	gone chan struct{} // closed with the connection
	once sync.Once
}

func newConn(tcp *net.TCPConn, onClose func(*conn)) *conn {
	c := &conn{Conn: tcp, tcp: tcp, onClose: onClose, gone: make(chan struct{})}
	c.noneActive.L = &c.mu
	return c
}

var longAgo = time.Unix(1, 0)

// stop stops the connection. When it returns, no read or write is in the kernel: those under way wait.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		c.stopped = make(chan struct{})
		c.stops++
		c.tcp.SetDeadline(longAgo)
	}
	for c.active > 0 {
		c.noneActive.Wait()
	}
}

// resume ends a stop, if there is one.
func (c *conn) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped != nil {
		c.tcp.SetReadDeadline(c.readDeadline)
		c.tcp.SetWriteDeadline(c.writeDeadline)
		close(c.stopped)
		c.stopped = nil
	}
}

// do reads or writes by means of op as soon as the connection runs. interrupted
// says that a stop ended op, so that the caller has to try again.
func (c *conn) do(op func([]byte) (int, error), p []byte) (n int, interrupted bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.stopped != nil {
		stopped := c.stopped
		c.mu.Unlock()
		select {
		case <-stopped:
		case <-c.gone:
			err = net.ErrClosed
		}
		c.mu.Lock()
		if err != nil {
			return 0, false, err
		}
	}
	stops := c.stops
	c.active++
	c.mu.Unlock()
	n, err = op(p)
	c.mu.Lock()
	if c.active--; c.active == 0 {
		c.noneActive.Broadcast()
	}
	return n, c.stops != stops && errors.Is(err, os.ErrDeadlineExceeded), err
}

func (c *conn) Read(p []byte) (int, error) {
	for {
		if n, interrupted, err := c.do(c.tcp.Read, p); n > 0 || !interrupted {
			return n, err
		}
	}
}

func (c *conn) Write(p []byte) (n int, err error) {
	for {
		m, interrupted, err := c.do(c.tcp.Write, p[n:])
		if n += m; !interrupted {
			return n, err
		}
	}
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readDeadline = t; c.stopped != nil {
		return nil
	}
	return c.tcp.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writeDeadline = t; c.stopped != nil {
		return nil
	}
	return c.tcp.SetWriteDeadline(t)
}

// Close closes the connection for both sides, stopped or not.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		close(c.gone)
		err = c.tcp.Close()
		c.onClose(c)
	})
	return err
}

// reset closes the connection with a TCP RST.
func (c *conn) reset() {
	c.tcp.SetLinger(0)
	c.Close()
}

// setUpper sets the connection that the HTTP server uses.
func (c *conn) setUpper(upper net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upper = upper
}

// retire ends the connection as soon as it is idle, as servers do: it sends no
// more, so that the client ends its side.
func (c *conn) retire() {
	c.mu.Lock()
	c.retired = true
	c.mu.Unlock()
	c.closeIfRetired()
}

// setIdle sets whether the connection is idle, and ends a retired one that is.
func (c *conn) setIdle(idle bool) {
	c.mu.Lock()
	c.idle = idle
	c.mu.Unlock()
	c.closeIfRetired()
}

func (c *conn) closeIfRetired() {
	if c.canClose() {
		if t, ok := c.upper.(*tls.Conn); ok {
			t.CloseWrite()
		}
		c.tcp.CloseWrite()
	}
}

// closeNow closes a retired, idle connection whose client has not ended its side.
func (c *conn) closeNow() {
	if c.canClose() {
		c.Close()
	}
}

func (c *conn) canClose() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.upper != nil && c.retired && c.idle && c.stopped == nil
}
