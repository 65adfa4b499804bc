//go:build unix

package lambda

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxLine is the longest line that is emitted whole, in bytes. CloudWatch's limit for an event is 1 MiB (since 2025);
// a terminal takes less.
const maxLine = 256 << 10

// maxPending limits what flush reads, in bytes. It is more than a pipe holds (64 KiB on Linux), so that flush reads
// everything that was written before the call. The limit keeps a process that writes on from holding flush up for ever.
const maxPending = 1 << 20

// output reads one stream of a process, line by line.
type output struct {
	pipe    *os.File
	emit    func(string)
	partial []byte // the unfinished line; belongs to the reading goroutine

	mu      sync.Mutex    // one flush at a time
	drained chan struct{} // answers a flush
	done    chan struct{} // closed when reading has ended
}

// newOutput returns an output and the end that the process writes to. The caller closes that end once the process
// has it.
func newOutput(emit func(string)) (*output, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	o := &output{
		pipe:    r,
		emit:    emit,
		drained: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go o.read()
	return o, w, nil
}

func (o *output) read() {
	defer close(o.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := o.pipe.Read(buf)
		o.write(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) { // flush asks
			o.pipe.SetReadDeadline(time.Time{})
			o.drain(buf)
			o.endLine()
			o.drained <- struct{}{}
			continue
		}
		if err != nil {
			o.endLine()
			return
		}
	}
}

// flush emits all that was written before the call, and the unfinished line, so that a log is complete before
// the platform's last line about it. It sets a deadline to interrupt a Read that waits.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pipe.SetReadDeadline(time.Unix(1, 0))
	select {
	case <-o.drained:
	case <-o.done:
	}
}

// drain reads what the pipe holds, without waiting for more.
func (o *output) drain(buf []byte) {
	raw, err := o.pipe.SyscallConn()
	if err != nil {
		return
	}
	for total := 0; total < maxPending; {
		var n int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, failed = syscall.Read(int(fd), buf)
			return true // true: do not wait until there is something
		})
		if err == nil && failed == syscall.EINTR {
			continue
		}
		if err != nil || failed != nil || n <= 0 {
			return
		}
		o.write(buf[:n])
		total += n
	}
}

// close flushes, then ends reading, even if some process that got away still holds the other end.
func (o *output) close() {
	o.flush()
	o.pipe.Close()
	<-o.done
}

func (o *output) write(b []byte) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		o.partial = append(o.partial, b[:i]...)
		o.emit(string(bytes.TrimSuffix(o.partial, []byte("\r"))))
		o.partial = o.partial[:0]
		b = b[i+1:]
	}
	o.partial = append(o.partial, b...)
	for len(o.partial) >= maxLine {
		o.emit(string(o.partial[:maxLine]))
		o.partial = append(o.partial[:0], o.partial[maxLine:]...)
	}
}

func (o *output) endLine() {
	if len(o.partial) > 0 {
		o.emit(string(o.partial))
		o.partial = o.partial[:0]
	}
}
