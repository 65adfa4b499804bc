package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"syscall"

	"ragtime/shared/fault"
)

// Classify makes a fault of what an HTTP client returned instead of a
// response: the service could not be reached, hung, or hung up. Another attempt
// may fare better, except where the service's certificate is wrong, or it does
// not speak TLS, or the error is none that is known here: that one is told as what
// it is, and another attempt would meet it too. It returns nil for an error that
// is not an HTTP client's.
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
	case dns != nil && dns.IsTimeout:
		kind, detail = fault.Timeout, "no DNS server answered" // after all of them were asked, twice
	case dns != nil:
		detail = "its name cannot be resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fault.From(err)
	case op != nil && op.Op == "dial":
		detail = "it cannot be connected to"
	case op != nil && op.Op == "remote error": // a TLS alert, whose type is not exported
		detail = "it refuses TLS as offered: " + op.Err.Error()
	case as[*broken](err) != nil, ofTheNetwork(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		detail = "the connection broke before the answer was whole"
	case as[*url.Error](err) != nil:
		kind, detail = fault.Upstream, "the call failed in a way that is not known here, so it was not tried again; the log tells the error's types"
	default:
		return nil
	}
	return &fault.Error{Kind: kind, Detail: service + ": " + detail, Cause: err}
}

// broken is an error of an exchange whose socket was ended by the peer or the
// network. What net/http makes of that has no type of its own.
type broken struct{ error }

func (b *broken) Unwrap() error { return b.error }

// ofTheNetwork tells whether there is a net.Error in err's chain, other than the
// client's own envelope: a *url.Error is one whatever it holds.
func ofTheNetwork(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if _, envelope := err.(*url.Error); envelope {
			continue
		}
		if _, network := err.(net.Error); network {
			return true
		}
	}
	return false
}

// as is the error of type E in err's chain, or E's zero value.
func as[E error](err error) E { e, _ := errors.AsType[E](err); return e }

// is tells whether there is an error of type E in err's chain.
func is[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }
