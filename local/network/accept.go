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
		case !errors.Is(err, os.ErrDeadlineExceeded): // Set uses the deadline to wake us
			time.Sleep(10 * time.Millisecond) // too many open files: their number may fall
		}
	}
}

// handleConn does a connection's handshake and hands it to the HTTP server, unless it meets a fault.
func (h *Host) handleConn(tcp *net.TCPConn) {
	c := newConn(tcp, h.removeConn)
	if !h.addConn(c) {
		c.Close()
		return
	}
	upper, err := h.handshake(c)
	if err != nil {
		c.Close()
		return
	}
	c.setUpper(upper)
	select {
	case h.ready <- upper:
	case <-h.closed:
		c.Close()
	}
}

// handshakeLimit ends connections of clients that connect and send nothing.
const handshakeLimit = time.Minute

// handshake returns the connection for the HTTP server: TLS over c, or c itself.
func (h *Host) handshake(c *conn) (net.Conn, error) {
	name := ""
	a := h.meetFault(atAccept)
	if a != nil {
		name = a.kind.Name
	}
	if name == "tls-silent" && !h.waitOff(a, c.gone) {
		return nil, net.ErrClosed
	}
	var upper net.Conn = c
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
		upper = t
	}
	if name == "send-stalls" && !h.waitOff(a, c.gone) {
		return nil, net.ErrClosed
	}
	return upper, nil
}

// addConn counts and keeps a connection. It reports false, and does neither, if the host is closed.
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

// rawConn returns the connection below TLS.
func rawConn(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return c.(*conn)
}

// readyListener is the HTTP server's listener. It accepts connections whose handshake is done.
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
