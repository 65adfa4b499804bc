package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// manyLoopbacks says that all of 127.0.0.0/8 is this machine.
const manyLoopbacks = true

// fullQueue is a listening socket whose accept queue is full, so that the kernel drops
// further SYNs (tcp_conn_request in net/ipv4/tcp_input.c).
type fullQueue struct {
	socket int
	filler []net.Conn
}

// dropSYNs makes the kernel drop SYNs for an address until the closer is closed.
func dropSYNs(address netip.Addr, port int) (io.Closer, error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := &fullQueue{socket: socket}
	if err := f.listen(&syscall.SockaddrInet4{Addr: address.As4(), Port: port}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.fill(netip.AddrPortFrom(address, uint16(port)).String()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *fullQueue) listen(at syscall.Sockaddr) error {
	// A backlog of 0 holds one connection.
	return errors.Join(
		os.NewSyscallError("setsockopt", syscall.SetsockoptInt(f.socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)),
		os.NewSyscallError("bind", syscall.Bind(f.socket, at)),
		os.NewSyscallError("listen", syscall.Listen(f.socket, 0)))
}

// fill connects until the queue is full.
func (f *fullQueue) fill(address string) error {
	const most = 8
	for range most {
		c, err := net.DialTimeout("tcp4", address, 100*time.Millisecond)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return nil
		}
		if err != nil {
			return err
		}
		f.filler = append(f.filler, c)
	}
	return fmt.Errorf("%s still accepts after %d connections", address, most)
}

// Close closes the socket before the connections in its queue. The other order would
// leave the address in use for a later bind.
func (f *fullQueue) Close() error {
	err := os.NewSyscallError("close", syscall.Close(f.socket))
	for _, c := range f.filler {
		c.Close()
	}
	return err
}

// limitBuffers sets how much of unread data the connections take that a listener
// accepts from now on: little, or as much as usual. It also sets the segment size,
// since the peer's send buffer grows with that (tcp_sndbuf_expand in
// net/ipv4/tcp_input.c), to 2.5 MB with loopback's own.
func limitBuffers(l *net.TCPListener, small bool) error {
	window := 4 << 20
	segment := 0 // the interface's own
	if small {
		window = 2048
		segment = 536
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = errors.Join(
			os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, window)),
			os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segment)))
	})
	return errors.Join(err, set)
}
