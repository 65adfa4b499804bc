package network

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"slices"
	"time"
)

// accept takes connections from the kernel's backlog, unless the server is stopped.
func (h *Host) accept() {
	for {
		if a := h.stopFault(); a != nil && !h.waitOff(a, nil) {
			return
		}
		tcp, err := h.tcp.AcceptTCP()
		switch {
		case err == nil:
			h.tasks.Go(func() { h.handleConn(tcp) })
		case errors.Is(err, net.ErrClosed):
			return
		case !errors.Is(err, os.ErrDeadlineExceeded): // which Set uses to stop us
			time.Sleep(10 * time.Millisecond) // too many open files: they get fewer
		}
	}
}

// handleConn takes a connection through the handshake to the HTTP server, or into the fault that it meets.
func (h *Host) handleConn(tcp *net.TCPConn) {
	c := newConn(tcp, h.removeConn)
	if !h.addConn(c) {
		c.Close()
		return
	}
	over, err := h.handshake(c)
	if err != nil {
		c.Close()
		return
	}
	c.setUpper(over)
	select {
	case h.ready <- over:
	case <-h.closed:
		c.Close()
	}
}

// handshakeLimit is for clients that connect and say nothing.
const handshakeLimit = time.Minute

// handshake gives what the HTTP server speaks over: TLS, or the connection itself.
func (h *Host) handshake(c *conn) (net.Conn, error) {
	name := ""
	a := h.meetFault(atAccept)
	if a != nil {
		name = a.kind.Name
	}
	if name == "tls-silent" && !h.waitOff(a, c.gone) {
		return nil, net.ErrClosed
	}
	var over net.Conn = c
	if !h.plain {
		config := h.tlsConfig
		if name == "certificate-wrong" {
			config = h.wrongTLSConfig
		}
		t := tls.Server(c, config)
		c.SetDeadline(time.Now().Add(handshakeLimit))
		if err := t.Handshake(); err != nil {
			return nil, err
		}
		c.SetDeadline(time.Time{})
		over = t
	}
	if name == "send-stalls" && !h.waitOff(a, c.gone) {
		return nil, net.ErrClosed
	}
	return over, nil
}

// addConn counts a connection; false if the host is closed, and knows no more of it.
func (h *Host) addConn(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isClosed {
		return false
	}
	h.counts.Connections++
	h.conns = append(h.conns, c)
	return true
}

func (h *Host) removeConn(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = slices.DeleteFunc(h.conns, func(other *conn) bool { return other == c })
}

func (h *Host) connections() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.conns)
}

// rawConn finds the connection that TLS runs over.
func rawConn(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return c.(*conn)
}

// readyListener is the HTTP server's listener: it gives connections whose handshake is done.
type readyListener struct{ h *Host }

func (l readyListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.h.ready:
		return c, nil
	case <-l.h.closed:
		return nil, net.ErrClosed
	}
}

func (l readyListener) Close() error   { return nil }
func (l readyListener) Addr() net.Addr { return l.h.tcp.Addr() }
