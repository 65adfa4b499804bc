package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// line is a long way to a server on this machine: whatever is sent arrives half a round trip
// later. Loopback's own handshake takes no time, so what a client sends first is a whole
// round trip late. Names resolve as quickly as before.
type line struct {
	listener net.Listener
	target   string
	half     time.Duration
	ctx      context.Context // ends with close
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

func newLine(target string, roundTrip time.Duration) (*line, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{listener: listener, target: target, half: roundTrip / 2}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tasks.Go(l.accept)
	return l, nil
}

// port is where clients find it.
func (l *line) port() string {
	_, port, _ := net.SplitHostPort(l.listener.Addr().String()) // a TCP address always has one
	return port
}

// close ends it, with all that goes over it.
func (l *line) close() error {
	l.cancel()
	err := l.listener.Close()
	l.tasks.Wait()
	return err
}

func (l *line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.tasks.Go(func() { l.carry(near) })
	}
}

// carry goes on until both sides have ended.
func (l *line) carry(near net.Conn) {
	defer near.Close()
	far, err := new(net.Dialer).DialContext(l.ctx, "tcp4", l.target)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(l.ctx, func() { near.Close(); far.Close() })()
	var both sync.WaitGroup
	both.Go(func() { l.move(far, near, time.Now().Add(3*l.half)) })
	both.Go(func() { l.move(near, far, time.Time{}) })
	both.Wait()
}

// parcel is what was read at once; the last one is empty.
type parcel struct {
	bytes []byte
	due   time.Time
}

// move takes what one side sends to the other, nothing of it before the given time.
func (l *line) move(to, from net.Conn, first time.Time) {
	parcels := make(chan parcel, 1<<10)
	go func() {
		defer close(parcels)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			due := time.Now().Add(l.half)
			if due.Before(first) {
				due = first
			}
			if n > 0 {
				parcels <- parcel{b[:n], due}
			}
			if err != nil {
				parcels <- parcel{nil, due}
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
