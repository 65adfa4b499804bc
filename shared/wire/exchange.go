package wire

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
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
	socket    *socket       // nil before there is one
	address   string        // the socket's peer
	conn      *conn         // nil before it can carry the request
	unasked   atomic.Bool   // the answer was there before the request was sent
	beside    *exchange     // opens a connection for the next attempt; nil if none does
	opened    chan struct{} // of the one beside: closed when its opening has ended; nil for an exchange that carries a request
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
		GotFirstResponseByte: func() {
			x.unasked.Store(x.conn.pooled && x.socket.buffered())
			w.enter(fault.PhaseReceive, t.limits.Receive)
		},
		// An interim answer, such as 102, says that the answer itself will take its time.
		Got1xxResponse: func(int, textproto.MIMEHeader) error { w.enter(fault.PhaseReceive, 0); return nil },
	}))
	return x
}

// do gets a response, whose body ends the exchange. A call's first exchange may use
// a connection that carried others before. After an error the exchange has ended.
func (x *exchange) do(first bool) (*http.Response, error) {
	x.watch.enter(fault.PhaseBlocked, 0)
	if err := x.acquire(first); err != nil {
		return nil, x.fail(err)
	}
	if err := x.attempt.Send(); err != nil {
		x.finish() // nothing was asked: the connection is as good as before
		x.conn = nil
		return nil, err
	}
	x.conn.carried = true
	x.watch.enter(fault.PhaseSend, x.transport.limits.Send)
	resp, err := x.conn.client.RoundTrip(x.request)
	if err != nil {
		return nil, x.fail(err)
	}
	if x.unasked.Load() {
		resp.Body.Close()
		return nil, x.fail(errUnasked)
	}
	x.describeResponse(resp)
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

// acquire gets a connection: one of the pool, or a new one.
func (x *exchange) acquire(first bool) error {
	x.conn = x.transport.pool.lend(x.host, first, first && !x.attempt.Alone())
	if x.conn != nil {
		x.attach(x.conn.socket)
		if x.conn.rested(x.start) {
			x.openSpare()
		}
	} else if err := x.open(); err != nil {
		return err
	}
	x.attempt.Connection(x.conn.carried)
	return nil
}

// open makes a new connection.
func (x *exchange) open() error {
	client, err := x.transport.base.NewClientConn(x.request.Context(), x.request.URL.Scheme, HostPort(x.request.URL))
	if err != nil {
		return err
	}
	x.conn = &conn{client: client, socket: x.socket, host: x.host, used: time.Now()}
	return nil
}

// openSpare opens a connection beside this exchange's, which rested for so long
// that it may be dead, and puts it into the pool for the next attempt. The end of the
// exchange ends the opening.
func (x *exchange) openSpare() {
	spare := x.transport.newExchange(x.request.WithContext(x.watch.ctx), evidence.Current(context.Background()))
	spare.opened = make(chan struct{})
	x.beside = spare
	go func() {
		defer close(spare.opened)
		if err := spare.open(); err != nil {
			spare.fail(err)
			return
		}
		spare.finish()
	}()
}

// endWatch ends what the exchange waits for, and the opening of a connection beside it.
func (x *exchange) endWatch() {
	x.watch.end()
	if x.beside != nil {
		<-x.beside.opened
	}
}

// dropSpare closes the connection that was opened beside this one, if nobody has
// taken it: this one is alive.
func (x *exchange) dropSpare() {
	if x.beside != nil && x.beside.conn != nil {
		x.transport.pool.retire(func(c *conn) bool { return c == x.beside.conn })
	}
}

// attach binds the socket to the exchange, under whose watch it is from now on.
func (x *exchange) attach(s *socket) {
	x.socket = s
	s.attach(x.watch)
	x.address = s.RemoteAddr().String()
	x.transport.memory.begin(x.address)
	x.describeAddress(x.address)
}

func (x *exchange) describeAddress(a string) {
	x.attempt.Exchange(func(e *evidence.Exchange) { e.Address = a })
}

func (x *exchange) describeResponse(resp *http.Response) {
	x.attempt.Exchange(func(e *evidence.Exchange) {
		e.Status = resp.StatusCode
		for _, name := range []string{"X-Request-Id", "X-Amzn-Requestid"} {
			if id := resp.Header.Get(name); id != "" {
				e.RequestID = id
			}
		}
	})
}

// movesOn tells whether the exchange failed with err because its connection of the
// pool was not fit to use: it was closed before the peer answered anything, or held
// bytes that nobody had asked for.
func (x *exchange) movesOn(err error) bool {
	_, decided := errors.AsType[*fault.Error](err)
	return !decided && x.conn != nil && x.conn.pooled && (x.unasked.Load() || !x.watch.reached(fault.PhaseReceive)) &&
		context.Cause(x.request.Context()) == errEnded
}

// end ends an exchange whose response was read to its end: the peer is alive.
func (x *exchange) end() {
	x.conn.used = time.Now()
	x.finish()
}

// finish ends the exchange and keeps its connection.
func (x *exchange) finish() {
	x.transport.memory.end(x.address)
	if x.opened == nil {
		x.transport.memory.learn(x.address, true)
	}
	healthy := x.socket.detach(x.conn.carried)
	x.endWatch()
	x.dropSpare()
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
	x.endWatch()
	if x.socket != nil {
		if err != nil && x.socket.broke.Load() {
			err = &broken{err}
		}
		x.transport.memory.end(x.address)
		if x.opened == nil {
			x.transport.memory.learn(x.address, x.watch.reached(fault.PhaseReceive))
		}
		x.socket.Close()
	}
	if x.conn != nil {
		x.conn.close()
	}
	if cause == nil {
		return err
	}
	if x.conn != nil && x.conn.pooled {
		// It hung. The connections that rested beside it went the same way.
		x.transport.pool.retire(func(c *conn) bool { return c.host == x.host && c.used.Before(x.start) })
	}
	return cause
}
