package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// delayProxy is a long way to a server on this machine: whatever is sent arrives half a round trip
// later. Loopback's own handshake takes no time, so what a client sends first is a whole
// round trip late. Names resolve as quickly as before.
type delayProxy struct {
	listener net.Listener
	target   string
	delay    time.Duration
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

// port is where clients find it.
func (l *delayProxy) port() string {
	_, port, _ := net.SplitHostPort(l.listener.Addr().String()) // a TCP address always has one
	return port
}

// close ends it, with all that goes over it.
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

// forward goes on until both sides have ended.
func (l *delayProxy) forward(near net.Conn) {
	defer near.Close()
	far, err := new(net.Dialer).DialContext(l.ctx, "tcp4", l.target)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(l.ctx, func() { near.Close(); far.Close() })()
	var both sync.WaitGroup
	both.Go(func() { l.copyDelayed(far, near, time.Now().Add(3*l.delay)) })
	both.Go(func() { l.copyDelayed(near, far, time.Time{}) })
	both.Wait()
}

// delayedBytes is what was read at once; the last one is empty.
type delayedBytes struct {
	bytes []byte
	due   time.Time
}

// copyDelayed takes what one side sends to the other, nothing of it before the given time.
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
			from.Close() // nobody is there any more, and the reader ends
			break
		}
	}
	for range parcels {
	}
	if c, ok := to.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
}
