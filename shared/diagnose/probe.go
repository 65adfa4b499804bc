package diagnose

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
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

// probe is the probe of one address of a service, over one connection.
type probe struct {
	options  Options
	service  Service
	request  *http.Request
	proxy    *url.URL // nil without one
	attempt  *evidence.Attempt
	resolver string // the address of the DNS server that was asked last
	target   Target
	fault    *fault.Error // nil while no phase failed

	socket net.Conn // the TCP connection; nil before there is one
	conn   net.Conn // that the request is sent over: socket, or TLS over it
	answer *bufio.Reader
}

func newProbe(o Options, s Service, a *evidence.Attempt) *probe {
	p := &probe{
		options: o,
		service: s,
		attempt: a,
		target:  Target{Name: s.Name, Step: s.Step, Host: s.URL.Host, Phases: []Phase{}},
	}
	p.request = &http.Request{
		Method: http.MethodGet,
		URL:    s.URL,
		Host:   s.URL.Host,
		Close:  true,
		Header: http.Header{"User-Agent": {"ragtime-diagnose"}, "Accept": {"*/*"}},
	}
	p.recordExchange()
	return p
}

// fork makes a probe of another address of the same name.
func (p *probe) fork(a *evidence.Attempt) *probe {
	f := *p
	f.attempt = a
	f.target.Phases = slices.Clone(p.target.Phases)
	f.recordExchange()
	return &f
}

func (p *probe) recordExchange() {
	u := p.service.URL
	p.attempt.Exchange(func(e *evidence.Exchange) {
		e.Method = p.request.Method
		e.URL = u.Scheme + "://" + u.Host + u.EscapedPath()
	})
}

// run runs the phases after dns, up to the first that fails.
func (p *probe) run(ctx context.Context, address string) {
	p.target.Address = address
	p.attempt.Exchange(func(e *evidence.Exchange) { e.Address = address })
	for _, phase := range []struct {
		name fault.Phase
		do   func(context.Context) (string, error)
	}{
		{fault.PhaseConnect, p.connect},
		{fault.PhaseTLS, p.secure},
		{fault.PhaseSend, p.send},
		{fault.PhaseWait, p.wait},
		{fault.PhaseReceive, p.receive},
	} {
		if phase.name == fault.PhaseTLS && !p.overTLS() && !p.proxyOverTLS() {
			continue
		}
		if !p.runPhase(ctx, phase.name, phase.do) {
			return
		}
	}
	p.target.OK = true
}

// runPhase runs a phase within its limit, records it, and tells whether it succeeded.
func (p *probe) runPhase(ctx context.Context, phase fault.Phase, do func(context.Context) (string, error)) bool {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.options.Limits[phase], defaultLimits[phase]))
	defer cancel()
	if p.socket != nil {
		defer closeWith(ctx, p.socket)()
	}
	p.attempt.Phase(phase)
	start := time.Now()
	detail, err := do(ctx)
	took := time.Since(start)
	p.target.Phases = append(p.target.Phases, Phase{phase, milliseconds(took), detail})
	p.target.MS = milliseconds(took) + p.target.MS
	if err == nil {
		return true
	}
	if ctx.Err() != nil || timedOut(err) {
		p.fail(phase, fault.Timeout, p.timeoutText(phase, took), err)
	} else {
		kind, text := p.explain(phase, err)
		p.fail(phase, kind, text, err)
	}
	return false
}

// timedOut tells whether err is a timeout. The dialer and the resolver derive a timeout of
// their own from the context's, which may fire just before the context ends.
func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// fail notes in which phase the probe failed, and why.
func (p *probe) fail(phase fault.Phase, k fault.Kind, text string, cause error) {
	p.target.Phase, p.target.Error = phase, text
	p.fault = &fault.Error{
		Kind:   k,
		Detail: text,
		Step:   p.service.Step,
		Phase:  phase,
		Cause:  cause,
	}
}

// close closes the connection and ends the attempt. It sends no TLS close_notify, which
// could block on a peer that reads nothing.
func (p *probe) close() {
	if p.socket != nil {
		p.socket.Close()
	}
	p.target.MS = round(p.target.MS)
	if p.fault != nil {
		p.attempt.End(p.fault)
		return
	}
	p.attempt.End(nil)
}

// closeWith closes a connection when ctx ends, unless stop is called before.
func closeWith(ctx context.Context, c net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { c.Close() })
}

func (p *probe) overTLS() bool      { return p.service.URL.Scheme == "https" }
func (p *probe) proxyOverTLS() bool { return p.proxy != nil && p.proxy.Scheme == "https" }

// connect opens a TCP connection to the address. If that is a proxy's which is not reached
// over TLS, and the service is, the proxy then connects with the service.
func (p *probe) connect(ctx context.Context) (string, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", p.target.Address)
	if err != nil {
		return "", err
	}
	p.socket, p.conn = c, c
	p.attempt.Connection(false)
	detail := c.LocalAddr().String() + " to " + c.RemoteAddr().String()
	if p.proxy == nil || p.proxyOverTLS() || !p.overTLS() {
		return detail, nil
	}
	defer closeWith(ctx, c)()
	via, err := p.tunnel()
	return detail + via, err
}

// send sends the request. The kernel takes so few bytes at once, so this hardly ever waits.
func (p *probe) send(context.Context) (string, error) {
	var b bytes.Buffer
	write := p.request.Write
	if p.proxy != nil && !p.overTLS() {
		write = p.request.WriteProxy
	}
	if err := write(&b); err != nil {
		return "", err
	}
	_, err := p.conn.Write(b.Bytes())
	return fmt.Sprintf("GET %s without credentials", p.service.URL.RequestURI()), err
}

// wait waits for the first byte of the answer.
func (p *probe) wait(context.Context) (string, error) {
	p.answer = bufio.NewReader(io.LimitReader(p.conn, maxHeader+maxBody))
	_, err := p.answer.Peek(1)
	if err != nil {
		return "", err
	}
	return "first byte of the answer", nil
}

// What is read of an answer, in bytes.
const (
	maxHeader = 64 << 10
	maxBody   = 64 << 10
)

// receive reads the answer, up to maxBody bytes of its body.
func (p *probe) receive(context.Context) (string, error) {
	resp, err := http.ReadResponse(p.answer, p.request)
	if err != nil {
		return "", err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	p.attempt.Exchange(func(e *evidence.Exchange) { e.Status, e.Bytes = resp.StatusCode, n })
	// The server's own text for its status, and its header as it is, might have control
	// characters, and the reader may be a terminal.
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return fmt.Sprintf("%d %s, %s, %d bytes", resp.StatusCode, http.StatusText(resp.StatusCode), cmp.Or(media, "no media type"), n), err
}

func milliseconds(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// round rounds to a tenth of a millisecond.
func round(ms float64) float64 { return float64(int64(ms*10+0.5)) / 10 }
