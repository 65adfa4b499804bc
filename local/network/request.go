package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

type connKey struct{}

// serve counts a request and hands it to the service's handler, with the faults that it meets.
func (h *Host) serve(w http.ResponseWriter, r *http.Request) {
	if !h.enter(r) {
		panic(http.ErrAbortHandler)
	}
	defer h.tasks.Done()
	met := h.meetFault(atRequest)
	delay := h.meetDelay()
	if met == nil && delay == nil {
		h.handler.ServeHTTP(w, r)
		return
	}
	if !bufferBody(r) {
		panic(http.ErrAbortHandler)
	}
	next := h.handler
	switch {
	case met == nil:
		next = h.withDelay(delay, next)
	case met.kind.Phase == "": // the fault answers, after the delay
		next = h.withDelay(delay, h.withFault(met, next))
	default:
		next = h.withFault(met, h.withDelay(delay, next))
	}
	next.ServeHTTP(w, r)
}

// enter counts a request. It reports false if the host is closed.
func (h *Host) enter(r *http.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isClosed {
		return false
	}
	h.tasks.Add(1)
	h.counts.Requests++
	if r.ProtoMajor == 2 {
		h.counts.HTTP2++
	}
	return true
}

// maxBody is more than any of the services takes, in bytes.
const maxBody = 64<<20 + 1

// bufferBody reads the request's body to its end and keeps it for the handler.
// Before that, an HTTP/1.1 server does not notice that a client has left. It reports
// false if the client left in the middle of the body.
func bufferBody(r *http.Request) bool {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil
}

// meetDelay returns the active fault slow, if the request meets it; else nil.
func (h *Host) meetDelay() *activeFault {
	for _, a := range h.activeFaults() {
		if a.kind.Name == kindSlow && a.meet() {
			return a
		}
	}
	return nil
}

// withDelay starts a handler after the delay of a; with nil at once.
func (h *Host) withDelay(a *activeFault, next http.Handler) http.Handler {
	if a == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ms := a.MinMS + rand.IntN(a.MaxMS-a.MinMS+1)
		encounter{h, a, next}.pause(r, time.Duration(ms)*time.Millisecond)
		next.ServeHTTP(w, r)
	})
}

// withFault lets a fault serve in a handler's place.
func (h *Host) withFault(a *activeFault, next http.Handler) http.Handler {
	if a.kind.serve == nil {
		return a.kind.Wrap(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.kind.serve(encounter{h, a, next}, w, r)
	})
}

// encounter is a fault that a request has met.
type encounter struct {
	host  *Host
	fault *activeFault
	next  http.Handler
}

// hang waits until the fault is off. If the client leaves first, it aborts the handler.
func (e encounter) hang(r *http.Request) {
	if !e.host.waitOff(e.fault, r.Context().Done()) {
		panic(http.ErrAbortHandler)
	}
}

// pause waits for d, or until the fault is off, which it reports. If the client leaves, it aborts the handler.
func (e encounter) pause(r *http.Request, d time.Duration) (off bool) {
	ctx, cancel := context.WithTimeout(r.Context(), d)
	defer cancel()
	off = e.host.waitOff(e.fault, ctx.Done())
	if !off && (r.Context().Err() != nil || ctx.Err() == nil) { // the client left, or the host is closed
		panic(http.ErrAbortHandler)
	}
	return off
}

func waitSilent(e encounter, w http.ResponseWriter, r *http.Request) {
	e.hang(r)
	e.next.ServeHTTP(w, r)
}

func receiveSilent(e encounter, w http.ResponseWriter, r *http.Request) { stallAfter(e, w, r, 0) }

func receiveHalf(e encounter, w http.ResponseWriter, r *http.Request) { stallAfter(e, w, r, 0.5) }

// stallAfter sends the header and a share of the body, from 0 to 1, then nothing until the fault is off.
func stallAfter(e encounter, w http.ResponseWriter, r *http.Request, share float64) {
	status, header, body := Capture(e.next, r)
	if len(body) > 0 { // a 204 must not have a Content-Length
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	send := sender(w, status, header)
	at := int(float64(len(body)) * share)
	send(body[:at])
	e.hang(r)
	send(body[at:])
}

// dripInterval is the time between two bytes.
const dripInterval = 200 * time.Millisecond

// receiveDrip sends the body byte by byte, then spaces, which JSON allows there.
func receiveDrip(e encounter, w http.ResponseWriter, r *http.Request) {
	status, header, body := Capture(e.next, r)
	header.Del("Content-Length")
	send := sender(w, status, header)
	for !e.pause(r, dripInterval) {
		if len(body) == 0 {
			body = []byte(" ")
		}
		send(body[:1])
		body = body[1:]
	}
	send(body)
}

// receiveEndless sends spaces instead of the body, until the fault is off.
func receiveEndless(e encounter, w http.ResponseWriter, r *http.Request) {
	status, header, _ := Capture(e.next, r)
	header.Del("Content-Length")
	send := sender(w, status, header)
	spaces := bytes.Repeat([]byte(" "), 32<<10)
	for {
		select {
		case <-e.fault.off:
			return
		default:
			send(spaces)
		}
	}
}

// sender sends a header and returns a function that sends pieces of the body. That
// function aborts the handler if the client has left.
func sender(w http.ResponseWriter, status int, header http.Header) func([]byte) {
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	control := http.NewResponseController(w)
	send := func(piece []byte) {
		var err error
		if len(piece) > 0 {
			_, err = w.Write(piece)
		}
		if err != nil || control.Flush() != nil {
			panic(http.ErrAbortHandler)
		}
	}
	send(nil)
	return send
}

// goAway ends the connection as a server does that shuts down, without a reset. In
// HTTP/2 its GOAWAY says that it may have processed all streams, so a client cannot
// know what became of its request. The frame is complete in one write; it may break
// the response to another stream that is written at the same moment.
func goAway(_ encounter, _ http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(net.Conn)
	if r.ProtoMajor == 2 {
		frame := []byte{
			0, 0, 8, // length
			7,          // GOAWAY
			0,          // flags
			0, 0, 0, 0, // the connection
			0x7f, 0xff, 0xff, 0xff, // the last stream that may have been processed: all
			0, 0, 0, 0, // NO_ERROR
		}
		c.(*tls.Conn).Write(frame)
	}
	c.Close()
	panic(http.ErrAbortHandler)
}

func reset(_ encounter, _ http.ResponseWriter, r *http.Request) {
	rawConn(r.Context().Value(connKey{}).(net.Conn)).reset()
	panic(http.ErrAbortHandler)
}
