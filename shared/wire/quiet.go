package wire

import (
	"net"
	"sync"
)

// readThenAsk reads from a connection, and then asks whether the bytes are welcome.
func readThenAsk(c net.Conn, b []byte, lock *sync.Mutex, came func() error) (int, error) {
	n, err := c.Read(b)
	if n == 0 {
		return 0, err
	}
	lock.Lock()
	defer lock.Unlock()
	if unwelcome := came(); unwelcome != nil {
		return 0, unwelcome
	}
	return n, err
}
