//go:build unix

package wire_test

import (
	"syscall"
	"testing"
)

// shrink gives a listener the smallest backlog.
func shrink(t *testing.T, raw syscall.RawConn) {
	if err := raw.Control(func(fd uintptr) {
		if err := syscall.Listen(int(fd), 0); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
