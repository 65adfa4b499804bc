package network

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// conn is an accepted connection, below TLS, that can be stopped: nothing is
// read or written on it then, and nothing closes it but its owner. Deadlines
// do not pass while it is stopped.
type conn struct {
	net.Conn // not *net.TCPConn, whose ReadFrom would go around Write
	tcp      *net.TCPConn
	onClose  func(*conn) // called at Close

	mu            sync.Mutex
	stopped       chan struct{} // nil while it runs; closed to run on
	stops         int           // how often it was stopped
	active        int           // reads and writes in the kernel
	noneActive    sync.Cond     // moving is 0
	readDeadline  time.Time     // the deadlines that its user wants
	writeDeadline time.Time
	upper         net.Conn // what speaks over it, once it is handed to the HTTP server
	retired       bool     // to be ended when idle
	idle          bool

	gone chan struct{} // closed with the connection
	once sync.Once
}

func newConn(tcp *net.TCPConn, forget func(*conn)) *conn {
	c := &conn{Conn: tcp, tcp: tcp, onClose: forget, gone: make(chan struct{})}
	c.noneActive.L = &c.mu
	return c
}

var longAgo = time.Unix(1, 0)

// stop stops it. When it returns, reads and writes that are under way wait.
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

// resume lets it run on, if it was stopped.
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

// do does a read or a write as soon as the connection runs. It tells whether
// it was interrupted because the connection was stopped.
func (c *conn) do(do func([]byte) (int, error), p []byte) (n int, interrupted bool, err error) {
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
	n, err = do(p)
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

// Close closes it for both sides, stopped or not.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		close(c.gone)
		err = c.tcp.Close()
		c.onClose(c)
	})
	return err
}

// reset closes it with a TCP RST.
func (c *conn) reset() {
	c.tcp.SetLinger(0)
	c.Close()
}

// setUpper notes what speaks over the connection from now on.
func (c *conn) setUpper(over net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upper = over
}

// retire ends the connection, as a server ends an idle one, now or when it
// becomes idle: it sends no more, so that the client ends its side.
func (c *conn) retire() {
	c.mu.Lock()
	c.retired = true
	c.mu.Unlock()
	c.closeIfRetired()
}

// setIdle notes whether the connection is idle.
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

// closeNow closes a retired connection whose client does not end its side.
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
