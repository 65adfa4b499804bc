package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// delayProxy makes a server on this machine far away: what one side sends, the other
// gets half a round trip later. Loopback's TCP handshake takes no time, so the first
// bytes of a client are delayed by a whole round trip more. DNS is not delayed.
type delayProxy struct {
	listener net.Listener
	target   string
	delay    time.Duration   // half a round trip
	ctx      context.Context // ends with close
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

func newDelayProxy(target string, roundTrip time.Duration) (*delayProxy, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &delayProxy{listener: listener, target: target, delay: roundTrip / 2}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tasks.Go(l.accept)
	return l, nil
}

// port returns the port where clients connect.
func (l *delayProxy) port() string {
	_, port, _ := net.SplitHostPort(l.listener.Addr().String()) // a TCP address always has one
	return port
}

// close ends the proxy and its connections.
func (l *delayProxy) close() error {
	l.cancel()
	err := l.listener.Close()
	l.tasks.Wait()
	return err
}

func (l *delayProxy) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.tasks.Go(func() { l.forward(near) })
	}
}

// forward copies in both directions until both sides have ended.
func (l *delayProxy) forward(near net.Conn) {
	defer near.Close()
	far, err := new(net.Dialer).DialContext(l.ctx, "tcp4", l.target)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(l.ctx, func() {
		near.Close()
		far.Close()
	})()
	var both sync.WaitGroup
	both.Go(func() { l.copyDelayed(far, near, time.Now().Add(3*l.delay)) })
	both.Go(func() { l.copyDelayed(near, far, time.Time{}) })
	both.Wait()
}

// delayedBytes is the result of one Read. An empty one is the end.
type delayedBytes struct {
	bytes []byte
	due   time.Time
}

// copyDelayed copies one side's bytes to the other, each after the delay, and none
// before first.
func (l *delayProxy) copyDelayed(to, from net.Conn, first time.Time) {
	parcels := make(chan delayedBytes, 1<<10)
	go func() {
		defer close(parcels)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			due := time.Now().Add(l.delay)
			if due.Before(first) {
				due = first
			}
			if n > 0 {
				parcels <- delayedBytes{b[:n], due}
			}
			if err != nil {
				parcels <- delayedBytes{nil, due}
				return
			}
		}
	}()
	for p := range parcels {
		time.Sleep(time.Until(p.due))
		if len(p.bytes) == 0 {
			break
		}
		if _, err := to.Write(p.bytes); err != nil {
			from.Close() // nobody reads any more; this ends the goroutine
			break
		}
	}
	for range parcels {
	}
	if c, ok := to.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
}
