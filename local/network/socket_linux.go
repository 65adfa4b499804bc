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

// fullQueue is a listening socket whose accept queue is full: the kernel drops
// further SYNs (tcp_conn_request in net/ipv4/tcp_input.c).
type fullQueue struct {
	socket int
	filler []net.Conn
}

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

// fill connects until it cannot.
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

// Close closes the socket before the connections in its queue, so that these
// leave nothing behind that a later bind would find in use.
func (f *fullQueue) Close() error {
	err := os.NewSyscallError("close", syscall.Close(f.socket))
	for _, c := range f.filler {
		c.Close()
	}
	return err
}

// limitBuffers makes the connections that a listener accepts from now on take
// little that nobody reads, or as much as usual. The peer's send buffer grows
// with the segment size (tcp_sndbuf_expand in net/ipv4/tcp_input.c): 2.5 MB with
// loopback's own.
func limitBuffers(l *net.TCPListener, small bool) error {
	window, segment := 4<<20, 0 // 0 is the interface's own
	if small {
		window, segment = 2048, 536
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
