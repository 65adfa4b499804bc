package diagnose

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// way is one walk: to one address of a service, on one connection.
type way struct {
	options  Options
	service  Service
	request  *http.Request
	proxy    *url.URL // nil for the direct way
	attempt  *evidence.Attempt
	resolver string // that was asked last
	target   Target
	fault    *fault.Error // why the way ends before its end

	socket net.Conn // below TLS; nil before there is one
	conn   net.Conn // what the request goes over
	answer *bufio.Reader
}

func newWay(o Options, s Service, a *evidence.Attempt) *way {
	w := &way{options: o, service: s, attempt: a, target: Target{Name: s.Name, Step: s.Step, Host: s.URL.Host, Phases: []Phase{}}}
	w.request = &http.Request{Method: http.MethodGet, URL: s.URL, Host: s.URL.Host, Close: true,
		Header: http.Header{"User-Agent": {"ragtime-diagnose"}, "Accept": {"*/*"}}}
	w.note()
	return w
}

// fork is a walk to another address of the same name.
func (w *way) fork(a *evidence.Attempt) *way {
	f := *w
	f.attempt, f.target.Phases = a, slices.Clone(w.target.Phases)
	f.note()
	return &f
}

func (w *way) note() {
	u := w.service.URL
	w.attempt.Exchange(func(e *evidence.Exchange) {
		e.Method, e.URL = w.request.Method, u.Scheme+"://"+u.Host+u.EscapedPath()
	})
}

// walk goes through the phases that follow dns, as far as it gets.
func (w *way) walk(ctx context.Context, address string) {
	w.target.Address = address
	w.attempt.Exchange(func(e *evidence.Exchange) { e.Address = address })
	for _, p := range []struct {
		name fault.Phase
		do   func(context.Context) (string, error)
	}{
		{fault.PhaseConnect, w.connect},
		{fault.PhaseTLS, w.secure},
		{fault.PhaseSend, w.send},
		{fault.PhaseWait, w.wait},
		{fault.PhaseReceive, w.receive},
	} {
		if p.name == fault.PhaseTLS && !w.overTLS() && !w.proxyOverTLS() {
			continue
		}
		if !w.pass(ctx, p.name, p.do) {
			return
		}
	}
	w.target.OK = true
}

// pass goes through one phase within its limit; false if the way ends there.
func (w *way) pass(ctx context.Context, p fault.Phase, do func(context.Context) (string, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(w.options.Limits[p], limits[p]))
	defer cancel()
	if w.socket != nil {
		defer closeWith(ctx, w.socket)()
	}
	w.attempt.Phase(p)
	start := time.Now()
	detail, err := do(ctx)
	took := time.Since(start)
	w.target.Phases = append(w.target.Phases, Phase{p, milliseconds(took), detail})
	w.target.MS = milliseconds(took) + w.target.MS
	if err == nil {
		return true
	}
	if ctx.Err() != nil || timedOut(err) {
		w.fail(p, fault.Timeout, w.silent(p, took), err)
	} else {
		kind, text := w.broken(p, err)
		w.fail(p, kind, text, err)
	}
	return false
}

// timedOut tells whether err is of a time limit: the dialer and the resolver have
// their own, made from the context's, which may end just before it.
func timedOut(err error) bool {
	e := as[net.Error](err)
	return e != nil && e.Timeout()
}

// fail ends the way in a phase.
func (w *way) fail(p fault.Phase, k fault.Kind, text string, cause error) {
	w.target.Phase, w.target.Error = p, text
	w.fault = &fault.Error{Kind: k, Detail: text, Step: w.service.Step, Phase: p, Cause: cause}
}

// end hangs up. The socket goes without the polite end of TLS, which may wait
// for a peer that takes nothing.
func (w *way) end() {
	if w.socket != nil {
		w.socket.Close()
	}
	w.target.MS = round(w.target.MS)
	if w.fault != nil {
		w.attempt.End(w.fault)
		return
	}
	w.attempt.End(nil)
}

// closeWith closes a connection when ctx ends, unless stop is called before.
func closeWith(ctx context.Context, c net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { c.Close() })
}

func (w *way) overTLS() bool      { return w.service.URL.Scheme == "https" }
func (w *way) proxyOverTLS() bool { return w.proxy != nil && w.proxy.Scheme == "https" }

// connect opens a connection to the address, and has the proxy, where there is
// one that is not to be reached over TLS first, connect it with the service.
func (w *way) connect(ctx context.Context) (string, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", w.target.Address)
	if err != nil {
		return "", err
	}
	w.socket, w.conn = c, c
	w.attempt.Connection(false)
	detail := c.LocalAddr().String() + " to " + c.RemoteAddr().String()
	if w.proxy == nil || w.proxyOverTLS() || !w.overTLS() {
		return detail, nil
	}
	defer closeWith(ctx, c)()
	via, err := w.tunnel()
	return detail + via, err
}

// send sends the request, or hands it to the kernel, which takes as little at once.
func (w *way) send(context.Context) (string, error) {
	var b bytes.Buffer
	write := w.request.Write
	if w.proxy != nil && !w.overTLS() {
		write = w.request.WriteProxy
	}
	if err := write(&b); err != nil {
		return "", err
	}
	_, err := w.conn.Write(b.Bytes())
	return fmt.Sprintf("GET %s without credentials", w.service.URL.RequestURI()), err
}

// wait waits for the first byte of the answer.
func (w *way) wait(context.Context) (string, error) {
	w.answer = bufio.NewReader(io.LimitReader(w.conn, mostHeader+mostBody))
	_, err := w.answer.Peek(1)
	if err != nil {
		return "", err
	}
	return "first byte of the answer", nil
}

// What is read of an answer, in bytes.
const (
	mostHeader = 64 << 10
	mostBody   = 64 << 10
)

// receive reads the answer, up to a length that none of these services has.
func (w *way) receive(context.Context) (string, error) {
	resp, err := http.ReadResponse(w.answer, w.request)
	if err != nil {
		return "", err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, mostBody))
	w.attempt.Exchange(func(e *evidence.Exchange) { e.Status, e.Bytes = resp.StatusCode, n })
	// Not what the server calls its status, nor its header as it is: the reader may be a terminal.
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return fmt.Sprintf("%d %s, %s, %d bytes", resp.StatusCode, http.StatusText(resp.StatusCode), cmp.Or(media, "no media type"), n), err
}

func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// round leaves a tenth of a millisecond.
func round(ms float64) float64 { return float64(int64(ms*10+0.5)) / 10 }
