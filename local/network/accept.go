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
		if a := h.stopped(); a != nil && !h.hang(a, nil) {
			return
		}
		tcp, err := h.tcp.AcceptTCP()
		switch {
		case err == nil:
			h.tasks.Go(func() { h.admit(tcp) })
		case errors.Is(err, net.ErrClosed):
			return
		case !errors.Is(err, os.ErrDeadlineExceeded): // which Set uses to stop us
			time.Sleep(10 * time.Millisecond) // too many open files: they get fewer
		}
	}
}

// admit takes a connection through the handshake to the HTTP server, or into the fault that it meets.
func (h *Host) admit(tcp *net.TCPConn) {
	c := newConn(tcp, h.forget)
	if !h.remember(c) {
		c.Close()
		return
	}
	over, err := h.handshake(c)
	if err != nil {
		c.Close()
		return
	}
	c.handOver(over)
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
	a := h.meeting(atAccept)
	if a != nil {
		name = a.kind.Name
	}
	if name == "tls-silent" && !h.hang(a, c.gone) {
		return nil, net.ErrClosed
	}
	var over net.Conn = c
	if !h.plain {
		config := h.right
		if name == "certificate-wrong" {
			config = h.wrong
		}
		t := tls.Server(c, config)
		c.SetDeadline(time.Now().Add(handshakeLimit))
		if err := t.Handshake(); err != nil {
			return nil, err
		}
		c.SetDeadline(time.Time{})
		over = t
	}
	if name == "send-stalls" && !h.hang(a, c.gone) {
		return nil, net.ErrClosed
	}
	return over, nil
}

// remember counts a connection; false if the host is closed, and knows no more of it.
func (h *Host) remember(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return false
	}
	h.counts.Connections++
	h.conns = append(h.conns, c)
	return true
}

func (h *Host) forget(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = slices.DeleteFunc(h.conns, func(other *conn) bool { return other == c })
}

func (h *Host) connections() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.conns)
}

// below finds the connection that TLS runs over.
func below(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return c.(*conn)
}

// admitted is the HTTP server's listener: it gives connections whose handshake is done.
type admitted struct{ h *Host }

func (l admitted) Accept() (net.Conn, error) {
	select {
	case c := <-l.h.ready:
		return c, nil
	case <-l.h.closed:
		return nil, net.ErrClosed
	}
}

func (l admitted) Close() error   { return nil }
func (l admitted) Addr() net.Addr { return l.h.tcp.Addr() }
