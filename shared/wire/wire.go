// Package wire is the HTTP transport that every remote call rides: OpenAI,
// DynamoDB and Secrets Manager alike.
//
// It owns the connections, and knows at every moment in which phase each
// attempt is. One connection carries one call at a time, over HTTP/1.1. A Lambda
// environment serves one invocation at a time, so multiplexing would buy it
// little, and an HTTP/2 connection that died takes every later attempt with it
// (golang/go#36026), while an attempt cancelled here closes its own connection
// and nobody else's. A connection is lent again only if its last response was
// read to the end less than a minute ago by the wall clock, and after a look: one
// that the peer closed, or on which bytes came that nobody asked for, is dropped.
// One that rested for two seconds or more may have died without a word, most of all
// if the process was frozen meanwhile: another one is opened beside it, ready for
// the call's second attempt. Every attempt after a call's first uses a connection
// that never carried a request, and goes to another address or asks another
// DNS server than one that is silent, where there is another. Nothing outlives the attempt that wanted it:
// no dial, no socket, no goroutine. A lookup alone goes on for the call's other attempts, and ends with the call.
//
// The context of a request is its timeout: when it ends, the connection's socket
// is closed, whatever is being done with it. Inside that time, each phase that
// can only be waiting for the network has a limit of its own: see Limits. A call
// that passes one fails with a fault of kind Timeout that says what was missing.
//
// The way through a proxy belongs to the phase before it: waiting for the answer
// to CONNECT is phase connect (phase tls, where the proxy itself is reached over
// TLS), under that phase's limit.
package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// Options tune a Transport. The zero value is what a deployed function uses.
type Options struct {
	Resolver string // IP:port of a DNS server to ask instead of the system's, several with commas between
	Limits   Limits
	// Dial opens the sockets to services and to DNS servers; nil is net.Dialer's. Tests put
	// a network in memory there, whose time is virtual.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Limits bound the phases of an attempt. Zero is the default that each names.
// Phase wait has none: how long an answer may take is the step's to say.
type Limits struct {
	DNS     time.Duration // 3 s
	Connect time.Duration // 3 s since the last address was tried, or since the proxy was connected
	TLS     time.Duration // 3 s
	Send    time.Duration // 5 s in which the peer does not take 32 KiB, or what is left of the request
	Receive time.Duration // 5 s without a byte from the peer, while someone reads
	Body    int64         // 64 MiB, decompressed: a response larger than that is an error
}

// Transport is an http.RoundTripper; safe for concurrent use.
type Transport struct {
	base     *http.Transport
	pool     pool
	limits   Limits
	resolver []string
	dial     dialer
	memory   memory
	lookups  lookups
}

// dialer opens a socket.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// sessions is how many TLS sessions are kept to be resumed, which saves a new
// connection a round trip or the certificates: one a host is plenty.
const sessions = 16

// New makes a transport that verifies certificates and takes its proxy from the
// environment.
func New(o Options) *Transport {
	t := &Transport{limits: o.Limits.withDefaults(), resolver: servers(o.Resolver), dial: o.Dial}
	if t.dial == nil {
		t.dial = new(net.Dialer).DialContext
	}
	t.base = &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: proxyAnswered,
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(sessions)},
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              new(http.Protocols),
	}
	t.base.Protocols.SetHTTP1(true)
	return t
}

func (l Limits) withDefaults() Limits {
	for limit, fallback := range map[*time.Duration]time.Duration{
		&l.DNS: 3 * time.Second, &l.Connect: 3 * time.Second, &l.TLS: 3 * time.Second,
		&l.Send: 5 * time.Second, &l.Receive: 5 * time.Second,
	} {
		if *limit == 0 {
			*limit = fallback
		}
	}
	if l.Body == 0 {
		l.Body = 64 << 20
	}
	return l
}

// proxyAnswered makes a fault of a proxy's refusal to connect; net/http's own
// error is only the status's text.
func proxyAnswered(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s == http.StatusOK:
		return nil
	case s >= http.StatusInternalServerError:
		return fault.New(fault.Unavailable, "the proxy cannot connect: status %d", s)
	default:
		return fault.New(fault.Upstream, "the proxy refuses to connect: status %d", s)
	}
}

// RoundTrip moves the attempt of the request's context through its phases, up to
// the header of the response. The body must be read to its end or closed; until
// then the attempt is in phase receive.
//
// If a connection of the pool turns out to have been closed by the peer before
// it answered anything, or what it gave was there before anything was asked, the request moves on to a new one within the same
// attempt. Whether the peer had taken the request cannot be known, as for
// any request that is tried again after its connection broke.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	mine, err := replayable(r)
	if err != nil {
		return nil, err
	}
	a := evidence.Current(r.Context())
	describe(a, r)
	x := t.newExchange(mine, a)
	resp, err := x.do(a.Number() == 1)
	if err != nil && x.movesOn(err) {
		if mine, err = replayable(mine); err != nil {
			return nil, err
		}
		resp, err = t.newExchange(mine, a).do(false)
	}
	if err != nil {
		return nil, err
	}
	resp.Request = r
	return resp, nil
}

// CloseIdleConnections closes the connections that nobody uses.
func (t *Transport) CloseIdleConnections() {
	t.pool.retire(func(*conn) bool { return true })
}

// replayable is the request with a body of its own. The AWS SDK (smithy-go v1.28.9)
// closes a request's body as soon as the response's header is there. When that
// overtakes net/http's last look at the body, writing fails, the connection is
// closed, and the response breaks off with "use of closed network connection".
// A body that cannot be had twice is copied: bodies are in memory here, so that
// costs little.
func replayable(r *http.Request) (*http.Request, error) {
	mine := r.WithContext(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return mine, nil
	}
	defer r.Body.Close()
	if r.GetBody == nil || r.ContentLength <= 0 {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		mine.ContentLength = int64(len(body))
		mine.GetBody = func() (io.ReadCloser, error) {
			if len(body) == 0 {
				return http.NoBody, nil // anything else of length 0 is of unknown length to net/http
			}
			return io.NopCloser(bytes.NewReader(body)), nil
		}
	}
	var err error
	mine.Body, err = mine.GetBody()
	return mine, err
}

// describe tells the attempt what is asked.
func describe(a *evidence.Attempt, r *http.Request) {
	a.Exchange(func(e *evidence.Exchange) {
		e.Method, e.URL = r.Method, r.URL.Scheme+"://"+r.URL.Host+r.URL.EscapedPath()
		if e.Method == "" {
			e.Method = http.MethodGet
		}
		e.Target = r.Header.Get("X-Amz-Target")
	})
}
