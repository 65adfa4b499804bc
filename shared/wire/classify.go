package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"

	"ragtime/shared/fault"
)

// Classify makes a fault of what an HTTP client returned instead of a
// response: the service could not be reached, hung, or hung up. Another attempt
// may fare better, except where the service's certificate is wrong or it does
// not speak TLS. It returns nil for an error that is not the network's.
func Classify(service string, err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f // a limit of this package, or the attempt's own
	}
	kind, detail := fault.Unavailable, ""
	switch dns, op := as[*net.DNSError](err), as[*net.OpError](err); {
	case as[*tls.CertificateVerificationError](err) != nil:
		kind, detail = fault.Upstream, "its certificate is not valid for it"
	case is[tls.RecordHeaderError](err):
		kind, detail = fault.Upstream, "it does not speak TLS"
	case dns != nil:
		detail = "its name cannot be resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.From(err)
	case op != nil && op.Op == "dial":
		detail = "it cannot be connected to"
	case op != nil && op.Op == "remote error": // a TLS alert, whose type is not exported
		detail = "it refuses TLS as offered: " + op.Err.Error()
	case is[net.Error](err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		detail = "the connection broke before the answer was whole"
	default:
		return nil
	}
	return &fault.Error{Kind: kind, Detail: service + ": " + detail, Cause: err}
}

// as is the error of type E in err's chain, or E's zero value.
func as[E error](err error) E { e, _ := errors.AsType[E](err); return e }

// is tells whether there is an error of type E in err's chain.
func is[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }
