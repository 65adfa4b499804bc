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

// recoverPanics calls work, and turns a panic into a fault.
func recoverPanics(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &fault.Error{Kind: fault.Internal, Detail: "internal error", Cause: fault.NewPanic(v)}
		}
	}()
	return work(ctx)
}

// describe describes a private cause, without content of the request. An error's text may
// have some: a server's answer quotes the question, a parser quotes its input. So each
// error of the chain is described by its type. Its text is added only where that cannot
// quote a request: errors of the network and the operating system, fixedErrors, and the
// details of faults.
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
var fixedErrors = []error{
	io.EOF,
	io.ErrUnexpectedEOF,
	io.ErrClosedPipe,
	net.ErrClosed,
	context.Canceled,
	context.DeadlineExceeded,
}

// describeOne describes one error of a chain. last tells that the description includes the
// errors that it wraps.
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
		// Its text has the operation, the addresses, and what it wraps: a system call's
		// error or a TLS alert.
		return e.Error(), true
	case *net.DNSError,
		*tls.CertificateVerificationError,
		tls.AlertError,
		tls.RecordHeaderError,
		syscall.Errno,
		runtime.Error:
		return e.Error(), true
	case interface{ ErrorCode() string }: // an AWS service's answer
		return fmt.Sprintf("%T %s", e, e.ErrorCode()), false
	}
	return fmt.Sprintf("%T", err), false
}

// describePanic has a panic's stack, and its value if the Go runtime made it.
func describePanic(p *fault.Panic) string {
	if e, ok := p.Value.(runtime.Error); ok {
		return "panic: " + e.Error() + "\n" + p.Stack
	}
	return fmt.Sprintf("panic of a %T\n%s", p.Value, p.Stack)
}
