//go:build unix

package wire

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// quiet tells whether the connection is open and has nothing to read. It looks
// without taking anything, and does not wait. What is no socket is quiet.
func quiet(c net.Conn) bool {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var nothing bool
	var b [1]byte
	err = raw.Control(func(fd uintptr) { // Go's sockets do not block
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		nothing = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR
	})
	return err == nil && nothing
}

// readBytes reads from the connection as its Read does. Once it has bytes, it asks
// whether they are welcome: that, and taking them from the system, is one moment for
// whoever holds the lock.
func readBytes(c net.Conn, b []byte, lock *sync.Mutex, came func() error) (int, error) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return readThenAsk(c, b, lock, came)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		lock.Lock()
		defer lock.Unlock()
		for {
			n, failed = syscall.Read(int(fd), b)
			if failed != syscall.EINTR {
				break
			}
		}
		if failed == syscall.EAGAIN || failed == syscall.EWOULDBLOCK {
			return false
		}
		if n > 0 {
			failed = came()
		}
		return true
	})
	switch {
	case err != nil: // closed, or its deadline passed
		return 0, err
	case failed == errUnasked:
		return 0, failed
	case failed != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", failed)}
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}
