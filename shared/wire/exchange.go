package wire

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// exchange is one request and its response, on one connection.
type exchange struct {
	transport *Transport
	request   *http.Request // its context is the watch's
	attempt   *evidence.Attempt
	host      string // scheme and address: what connections are pooled by
	start     time.Time
	watch     *watch
	socket    *socket // nil before there is one
	address   string  // the socket's peer
	conn      *conn   // nil before it can carry the request
}

// exchangeKey is how dial knows for whom it dials.
type exchangeKey struct{}

func (t *Transport) newExchange(r *http.Request, a *evidence.Attempt) *exchange {
	w := newWatch(r.Context(), a)
	x := &exchange{transport: t, attempt: a, host: r.URL.Scheme + "://" + HostPort(r.URL), start: time.Now(), watch: w}
	ctx := context.WithValue(w.ctx, exchangeKey{}, x)
	x.request = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() { w.enter(fault.PhaseTLS, t.limits.TLS) },
		// net/http says so before it flushes its buffer: of a long request that is
		// empty by then, and a short one is at most 4 KiB, which a socket that has
		// nothing else to send takes at once.
		WroteRequest: func(how httptrace.WroteRequestInfo) {
			if how.Err == nil {
				w.enter(fault.PhaseWait, 0)
			}
		},
		GotFirstResponseByte: func() { w.enter(fault.PhaseReceive, t.limits.Receive) },
		// An interim answer, such as 102, says that the answer itself will take its time.
		Got1xxResponse: func(int, textproto.MIMEHeader) error { w.enter(fault.PhaseReceive, 0); return nil },
	}))
	return x
}

// do gets a response, whose body ends the exchange; pooled allows a connection
// of the pool. After an error the exchange has ended.
func (x *exchange) do(pooled bool) (*http.Response, error) {
	x.watch.enter(fault.PhaseBlocked, 0)
	if err := x.ride(pooled); err != nil {
		return nil, x.fail(err)
	}
	if err := x.attempt.Send(); err != nil {
		x.finish() // nothing was asked: the connection is as good as before
		x.conn = nil
		return nil, err
	}
	x.watch.enter(fault.PhaseSend, x.transport.limits.Send)
	resp, err := x.conn.client.RoundTrip(x.request)
	if err != nil {
		return nil, x.fail(err)
	}
	x.noteResponse(resp)
	switch {
	case resp.StatusCode < http.StatusOK:
		// Switching Protocols, which nobody asked for, makes the socket itself the body.
		return nil, x.fail(fault.New(fault.Upstream, "the answer has status %d", resp.StatusCode))
	case resp.Body == http.NoBody:
		x.end()
	default:
		x.watch.enter(fault.PhaseReceive, 0)
		resp.Body = &body{ReadCloser: resp.Body, exchange: x}
	}
	return resp, nil
}

// ride gets a connection: one of the pool, or a new one.
func (x *exchange) ride(pooled bool) error {
	if pooled {
		x.conn = x.transport.pool.take(x.host)
	}
	if x.conn != nil {
		x.take(x.conn.socket)
	} else {
		client, err := x.transport.base.NewClientConn(x.request.Context(), x.request.URL.Scheme, HostPort(x.request.URL))
		if err != nil {
			return err
		}
		x.conn = &conn{client: client, socket: x.socket, host: x.host, used: time.Now()}
	}
	x.attempt.Connection(x.conn.reused)
	return nil
}

// take makes the socket the exchange's.
func (x *exchange) take(s *socket) {
	x.socket = s
	s.carry(x.watch)
	x.address = s.RemoteAddr().String()
	x.transport.memory.begin(x.address)
	x.noteAddress(x.address)
}

func (x *exchange) noteAddress(a string) {
	x.attempt.Exchange(func(e *evidence.Exchange) { e.Address = a })
}

func (x *exchange) noteResponse(resp *http.Response) {
	x.attempt.Exchange(func(e *evidence.Exchange) {
		e.Status = resp.StatusCode
		for _, name := range []string{"X-Request-Id", "X-Amzn-Requestid"} {
			if id := resp.Header.Get(name); id != "" {
				e.RequestID = id
			}
		}
	})
}

// closedBefore tells whether the exchange failed with err because its
// connection of the pool was closed before the peer answered anything.
func (x *exchange) closedBefore(err error) bool {
	_, decided := errors.AsType[*fault.Error](err)
	return !decided && x.conn != nil && x.conn.reused && !x.watch.reached(fault.PhaseReceive) &&
		context.Cause(x.request.Context()) == errEnded
}

// end ends an exchange whose response was read to its end: the peer is alive.
func (x *exchange) end() {
	x.conn.used = time.Now()
	x.finish()
}

// finish ends the exchange and keeps its connection.
func (x *exchange) finish() {
	x.transport.memory.end(x.address, true)
	healthy := x.socket.rest()
	x.watch.end()
	if healthy {
		x.transport.pool.put(x.conn)
	} else {
		x.conn.close()
	}
}

// fail ends the exchange and its connection, and returns why: what ended the
// context, if that is over, says more than what was met then.
func (x *exchange) fail(err error) error {
	if end, ok := x.watch.ctx.Deadline(); ok && !time.Now().Before(end) {
		// A dialer or resolver sets its sockets the context's deadline, and may notice
		// it a moment before the context does.
		<-x.watch.ctx.Done()
	}
	cause := context.Cause(x.watch.ctx)
	x.watch.end()
	if x.socket != nil {
		if err != nil && x.socket.broke.Load() {
			err = &broken{err}
		}
		x.transport.memory.end(x.address, x.watch.reached(fault.PhaseReceive))
		x.socket.Close()
	}
	if x.conn != nil {
		x.conn.close()
	}
	if cause == nil {
		return err
	}
	if x.conn != nil && x.conn.reused {
		// It hung. The connections that rested beside it went the same way.
		x.transport.pool.retire(func(c *conn) bool { return c.host == x.host && c.used.Before(x.start) })
	}
	return cause
}
