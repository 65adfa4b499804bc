// Package wire is the HTTP transport that every remote call rides: OpenAI,
// DynamoDB and Secrets Manager alike.
//
// It speaks HTTP/1.1. A Lambda environment serves one invocation at a time, so
// multiplexing buys it little, and an HTTP/2 connection that died takes every
// later attempt with it (golang/go#36026), while an attempt cancelled over
// HTTP/1.1 closes its own connection and nobody else's. It reports each
// attempt's phase to the operation's record, and it never lets a dial outlive
// the attempt that wanted it.
package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// idle is how long an unused connection is trusted. net/http measures it on
// the wall clock, so connections from before a freeze are closed, not used.
const idle = 2 * time.Second

// Transport is an http.RoundTripper; safe for concurrent use. The context of a
// request is its only timeout.
type Transport struct{ base *http.Transport }

// New makes a transport that verifies certificates and takes its proxy from the
// environment.
func New() *Transport {
	base := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              new(http.Protocols),
	}
	base.Protocols.SetHTTP1(true)
	return &Transport{base}
}

type callKey struct{}

// RoundTrip moves the attempt of the request's context through its phases.
// The attempt is in phase receive until the caller ends it: the body is read
// under the same context.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	r, err := owned(r)
	if err != nil {
		return nil, err
	}
	a := evidence.Current(ctx)
	// net/http dials in a context of its own, which carries the request's
	// values but not its end: dial finds the end here.
	traced := context.WithValue(ctx, callKey{}, ctx)
	resp, err := t.base.RoundTrip(r.WithContext(httptrace.WithClientTrace(traced, phases(a))))
	if err != nil {
		return nil, err
	}
	resp.Request = r
	return resp, nil
}

// owned is the request with a body of its own. The AWS SDK (smithy-go v1.28.9)
// closes a request's body as soon as the response's header is there. When that
// overtakes net/http's last look at the body, writing fails, the connection is
// closed, and the response breaks off with "use of closed network connection".
// Bodies are in memory here, so a copy costs little.
func owned(r *http.Request) (*http.Request, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	r = r.WithContext(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return r, nil
}

// CloseIdleConnections closes the connections that nobody uses.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func phases(a *evidence.Attempt) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:  func(string) { a.Phase(fault.PhaseBlocked) },
		DNSStart: func(httptrace.DNSStartInfo) { a.Phase(fault.PhaseDNS) },
		ConnectStart: func(network, _ string) {
			// The resolver's own sockets report here too; those are still dns.
			if strings.HasPrefix(network, "tcp") {
				a.Phase(fault.PhaseConnect)
			}
		},
		TLSHandshakeStart:    func() { a.Phase(fault.PhaseTLS) },
		GotConn:              func(i httptrace.GotConnInfo) { a.Connection(i.Reused); a.Phase(fault.PhaseSend) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { a.Phase(fault.PhaseWait) },
		GotFirstResponseByte: func() { a.Phase(fault.PhaseReceive) },
	}
}

// dial ends with the attempt that wanted the connection, and uses a resolver
// of its own, whose sockets close with it.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	call, _ := ctx.Value(callKey{}).(context.Context)
	if call == nil {
		call = ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(call, cancel)()
	d := net.Dialer{Resolver: new(net.Resolver)}
	return d.DialContext(ctx, network, address)
}

// Classify makes a fault of what an HTTP client returned instead of a
// response: the service could not be reached, or hung up. Another attempt may
// fare better, except where the service's certificate is wrong. It returns nil
// for an error that is not the network's.
func Classify(service string, err error) *fault.Error {
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &fault.Error{Kind: fault.Upstream, Detail: service + ": its certificate is not valid for it", Cause: cert}
	}
	detail := ""
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		detail = "its name cannot be resolved"
	} else if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		detail = "it cannot be connected to"
	} else if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		detail = "the connection broke before the answer was whole"
	} else {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Detail: service + ": " + detail, Cause: err}
}
