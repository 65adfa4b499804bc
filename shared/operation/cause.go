package operation

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"ragtime/shared/fault"
)

// recoverPanics turns a panic of the work into a fault: the process goes on.
func recoverPanics(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &fault.Error{Kind: fault.Internal, Detail: "internal error", Cause: fault.NewPanic(v)}
		}
	}()
	return work(ctx)
}

// describe tells of a private cause what a log may hold. An error's text is made
// by whoever made the error, and may quote what it was about: a server's answer
// quotes the question, a parser its input. So an error is told by its type, down
// its chain, and by its text only where that cannot quote a request: errors of
// the network and the operating system, fixed ones, and the details of faults,
// which anyone may see.
func describe(err error) string {
	var links []string
	for err != nil {
		text, last := describeOne(err)
		links = append(links, text)
		if last {
			break
		}
		err = errors.Unwrap(err)
	}
	return strings.Join(links, ": ")
}

// fixedErrors are errors whose text is always the same.
var fixedErrors = []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, context.Canceled, context.DeadlineExceeded}

// describeOne tells of one error of a chain; last if that includes what it wraps.
func describeOne(err error) (text string, last bool) {
	if slices.Contains(fixedErrors, err) {
		return err.Error(), true
	}
	switch e := err.(type) {
	case *fault.Panic:
		return describePanic(e), true
	case *fault.Error:
		return e.Kind.String() + ": " + e.Detail, false
	case *net.OpError:
		// Its text is the operation, the addresses and what it wraps, which is
		// a system call's error, or a TLS alert's.
		return e.Error(), true
	case *net.DNSError, *tls.CertificateVerificationError, tls.AlertError, tls.RecordHeaderError, syscall.Errno, runtime.Error:
		return e.Error(), true
	case interface{ ErrorCode() string }: // an AWS service's answer
		return fmt.Sprintf("%T %s", e, e.ErrorCode()), false
	}
	return fmt.Sprintf("%T", err), false
}

// describePanic tells where a panic was, and its value if the Go runtime made it.
func describePanic(p *fault.Panic) string {
	if e, ok := p.Value.(runtime.Error); ok {
		return "panic: " + e.Error() + "\n" + p.Stack
	}
	return fmt.Sprintf("panic of a %T\n%s", p.Value, p.Stack)
}
