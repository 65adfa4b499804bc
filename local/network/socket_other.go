//go:build !linux

package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// manyLoopbacks: other systems have 127.0.0.1 only, or have not been tried.
const manyLoopbacks = false

func dropSYNs(netip.Addr, int) (io.Closer, error) {
	return nil, fmt.Errorf("dropping SYNs: %w on this system", errors.ErrUnsupported)
}

// limitBuffers leaves them as they are: a larger request is needed to get stuck.
func limitBuffers(*net.TCPListener, bool) error { return nil }
