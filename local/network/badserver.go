package network

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// badAddress is a service's first address under the faults first-stopped and first-silent: a
// server there accepts connections and never answers.
var badAddress = netip.AddrFrom4([4]byte{127, 0, 0, 4})

// badServer is a server at badAddress.
type badServer struct {
	listener *net.TCPListener
	tasks    sync.WaitGroup
	mu       sync.Mutex
	conns    []net.Conn
	isClosed bool
}

// startStopped starts a server that never accepts. The kernel completes connections all the same.
func startStopped(port int) (*badServer, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: badAddress.AsSlice(), Port: port})
	if err != nil {
		return nil, err
	}
	return &badServer{listener: l}, nil
}

// startMute starts a server that reads and never answers. With a nil configuration it speaks without TLS.
func startMute(port int, config *tls.Config) (*badServer, error) {
	b, err := startStopped(port)
	if err != nil {
		return nil, err
	}
	b.tasks.Go(func() {
		for {
			c, err := b.listener.Accept()
			if err != nil {
				return
			}
			if !b.addConn(c) {
				c.Close()
				return
			}
			if config != nil {
				c = tls.Server(c, config)
			}
			b.tasks.Go(func() { io.Copy(io.Discard, c) })
		}
	})
	return b, nil
}

// addConn keeps a connection for Close. It reports false if Close has begun.
func (b *badServer) addConn(c net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.isClosed {
		b.conns = append(b.conns, c)
	}
	return !b.isClosed
}

// Close ends the connections, and gives their clients a moment to notice.
func (b *badServer) Close() error {
	err := b.listener.Close()
	b.mu.Lock()
	b.isClosed = true
	for _, c := range b.conns {
		c.(*net.TCPConn).CloseWrite()
	}
	b.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		b.tasks.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(noticeDelay):
	}
	for _, c := range b.conns { // without the lock: addConn adds nothing any more
		c.Close()
	}
	<-ended
	return err
}
