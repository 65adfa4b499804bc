package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// runtimeAPI serves the Runtime API to one process.
type runtimeAPI struct {
	address    string // host:port
	nexts      chan *nextCall
	initErrors chan initError

	server    *http.Server
	serveDone chan struct{} // closed when the server has returned

	mu         sync.Mutex
	hasInvoked bool                   // the process got an invocation
	open       map[string]*invocation // by request id: those that the process may answer, and the last one it answered
}

// nextCall is a process's request for an invocation. Whoever receives it sends the invocation on give, or nil to refuse.
type nextCall struct {
	give chan *invocation
	gone <-chan struct{} // closed when the process no longer waits for the answer
}

// refuse answers the call without an invocation.
func (c *nextCall) refuse() {
	select {
	case c.give <- nil:
	case <-c.gone:
	}
}

// invocation is a job as a process gets it.
type invocation struct {
	*job
	arn      string
	deadline time.Time
	answered bool        // guarded by runtimeAPI.mu
	answers  chan answer // gets one, before the process learns that its answer was accepted
}

// answer is a process's answer to an invocation: a payload or a fault.
type answer struct {
	payload []byte
	fault   *Error
}

// initError is what a process reported of its failed init.
type initError struct {
	kind string // the header Lambda-Runtime-Function-Error-Type
	body []byte
}

func newRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &runtimeAPI{
		address:    listener.Addr().String(),
		nexts:      make(chan *nextCall),
		initErrors: make(chan initError, 1),
		open:       make(map[string]*invocation),
		serveDone:  make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.initError)
	a.server = &http.Server{Handler: mux}
	go func() {
		defer close(a.serveDone)
		a.server.Serve(listener)
	}()
	return a, nil
}

// close ends the server. The process is gone, and with it the peer of every connection, so Shutdown only has to
// see them end. Close is for a connection that something else made.
func (a *runtimeAPI) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		a.server.Close()
	}
	<-a.serveDone
}

// register lets the process answer inv.
func (a *runtimeAPI) register(inv *invocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hasInvoked = true
	a.open[inv.requestID] = inv
}

// unregister makes inv's id unknown.
func (a *runtimeAPI) unregister(inv *invocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, inv.requestID)
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	call := &nextCall{give: make(chan *invocation), gone: r.Context().Done()}
	select {
	case a.nexts <- call:
	case <-call.gone:
		return
	}
	select {
	case inv := <-call.give:
		if inv == nil {
			refuse(w, http.StatusForbidden, "InvalidStateTransition", "the current invocation has not been answered")
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.requestID)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
		h.Set("Lambda-Runtime-Trace-Id", inv.traceID)
		w.Write(inv.payload)
	case <-call.gone:
	}
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	if p := a.pipe(r.PathValue("id")); p != nil {
		a.streamResponse(w, r, p)
		return
	}
	body, whole, err := readAtMost(r.Body, maxResponse)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "InvalidRequest", "reading the response: "+err.Error())
	case !whole:
		a.refuseTooLarge(w, r, maxResponse)
	default:
		a.acceptResponse(w, r, body)
	}
}

// streamResponse forwards a response while the process sends it. It answers the process when it has read all, or when
// the invoker has left.
func (a *runtimeAPI) streamResponse(w http.ResponseWriter, r *http.Request, p *responsePipe) {
	control := http.NewResponseController(w)
	control.EnableFullDuplex() // to answer the process while it sends
	if !p.begin(r.Header.Get("Content-Type")) {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the response was begun already")
		return
	}
	copied := make(chan error, 1)
	go func() { copied <- p.copy(r.Body) }()
	select {
	case err := <-copied:
		switch {
		case err == errTooLong:
			a.refuseTooLarge(w, r, maxStream)
			control.Flush()
			io.Copy(io.Discard, r.Body)
		case err != nil: // the process has ended, or will report an error
			refuse(w, http.StatusBadRequest, "InvalidRequest", "reading the response: "+err.Error())
		default:
			a.acceptResponse(w, r, nil)
		}
	case <-p.readerGone:
		// aws-lambda-go's client would wait 50 ms before it gives this connection up.
		w.Header().Set("Connection", "close")
		if a.settle(w, r.PathValue("id"), answer{}) {
			accept(w)
		}
		control.Flush()
		// This waits until the process closes the connection. Else it might see a reset instead of the answer.
		<-copied
	}
}

// acceptResponse settles an invocation with a response that was read to its end.
func (a *runtimeAPI) acceptResponse(w http.ResponseWriter, r *http.Request, payload []byte) {
	id := r.PathValue("id")
	got := answer{payload: payload}
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		// The function's reader failed in the middle of the response.
		reported, _ := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		got = answer{fault: reportedError(id, kind, reported)}
	}
	if a.settle(w, id, got) {
		accept(w)
	}
}

// refuseTooLarge settles an invocation whose response has more than limit bytes.
func (a *runtimeAPI) refuseTooLarge(w http.ResponseWriter, r *http.Request, limit int) {
	id := r.PathValue("id")
	size := "maximum allowed payload size (" + strconv.Itoa(limit) + " bytes)."
	fault := newError(id, "Function.ResponseSizeTooLarge", "Response payload size exceeded "+size)
	if a.settle(w, id, answer{fault: fault}) {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Exceeded "+size)
	}
}

func (a *runtimeAPI) invocationError(w http.ResponseWriter, r *http.Request) {
	body, _, err := readAtMost(r.Body, maxResponse)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "reading the error: "+err.Error())
		return
	}
	id := r.PathValue("id")
	if a.settle(w, id, answer{fault: reportedError(id, r.Header.Get("Lambda-Runtime-Function-Error-Type"), body)}) {
		accept(w)
	}
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	body, _, err := readAtMost(r.Body, maxResponse)
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "reading the error: "+err.Error())
		return
	}
	a.mu.Lock()
	initIsOver := a.hasInvoked
	a.mu.Unlock()
	if !initIsOver {
		select {
		case a.initErrors <- initError{r.Header.Get("Lambda-Runtime-Function-Error-Type"), body}:
			accept(w)
			return
		default:
		}
	}
	refuse(w, http.StatusForbidden, "InvalidStateTransition", "init is over")
}

// pipe returns the pipe of a streaming invocation; nil for other invocations.
func (a *runtimeAPI) pipe(id string) *responsePipe {
	a.mu.Lock()
	defer a.mu.Unlock()
	if inv := a.open[id]; inv != nil {
		return inv.pipe
	}
	return nil
}

// settle gives an invocation its answer. It refuses the request and reports false when no invocation of that id is
// open, or the process has answered it before.
func (a *runtimeAPI) settle(w http.ResponseWriter, id string, got answer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	inv := a.open[id]
	switch {
	case inv == nil:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return false
	case inv.answered:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation has been answered already")
		return false
	}
	inv.answered = true
	inv.answers <- got
	return true
}

// readAtMost returns up to limit bytes of r, and whether that was all. It reads the rest, too, since a client that
// gets an answer while it still sends may see a reset connection instead.
func readAtMost(r io.Reader, limit int64) (b []byte, whole bool, err error) {
	b, err = io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil, false, err
	}
	rest, err := io.Copy(io.Discard, r)
	return b, rest == 0, err
}

func accept(w http.ResponseWriter) {
	reply(w, http.StatusAccepted, []byte(`{"status":"OK"}`))
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	body, _ := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message}) // strings: cannot fail
	reply(w, status, body)
}

// reply sets Content-Length, so that a process that is still sending knows where the answer ends.
func reply(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
