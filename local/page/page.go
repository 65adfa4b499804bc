// Package page is the local page: what a person sees of a running system.
//
// It lists the latest operations and shows, for each, how it ended, the
// waterfall of its trace, and its log lines; it has a panel to switch faults on
// and off and to send requests, in the background, so that a hang can be watched.
// Above that it has a question box, which shows the passages that were found and
// why, the library of documents, where files can be dropped, and what `ragtime eval`
// measures.
//
// Hangs and operations are made on the server and work without a script; page.js
// keeps what is shown as the server has it. Questions and the library are asked of
// the API by scripts, as any other client would.
//
//	log := new(page.Log) // its Add is lambda.Options.Log
//	p := page.New(gateway, traces, log, fresh, network.Host("openai"))
//	defer p.Close()
//	// p serves everything below page.Path
//
// What is shown came from functions and from whoever sent a datagram to the X-Ray
// daemon: it is escaped, and a content security policy stands behind that. Guard
// keeps other sites' pages away.
package page

import (
	"context"
	"embed"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"ragtime/local/network"
	"ragtime/local/xray"
)

// Path is where the page is; all it serves is below.
const Path = "/_ragtime/"

// policy allows the page's own style, script and forms, its empty icon, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

//go:embed *.html static
var files embed.FS

var templates = template.Must(template.New("").Funcs(functions).ParseFS(files, "*.html"))

// Page serves the page. Safe for concurrent use.
type Page struct {
	api    http.Handler
	traces *xray.Daemon
	log    *Log
	fresh  func()
	hosts  []*network.Host
	serve  http.Handler

	ctx    context.Context // of the requests that the page sends
	cancel context.CancelFunc
	mu     sync.Mutex // guards tasks.Go against Close, and sent
	tasks  sync.WaitGroup
	sent   []*sent // oldest first

	measurement measurement
}

// New makes the page of an API, the traces and the log of its functions, and the
// services whose faults can be switched. fresh ends the functions' idle processes:
// one that has seen an outage makes no second attempts for a while, and the next
// hang would be seen without them. Close the page.
func New(api http.Handler, traces *xray.Daemon, log *Log, fresh func(), hosts ...*network.Host) *Page {
	p := &Page{api: api, traces: traces, log: log, fresh: fresh, hosts: hosts}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.Handle("GET /_ragtime", http.RedirectHandler(Path, http.StatusMovedPermanently))
	mux.HandleFunc("GET /_ragtime/{$}", func(w http.ResponseWriter, r *http.Request) { p.index(w, r, http.StatusOK, nil) })
	mux.HandleFunc("GET /_ragtime/operations/{id}", p.operation)
	mux.HandleFunc("POST /_ragtime/hang", p.hang)
	mux.HandleFunc("POST /_ragtime/on", p.switchOn)
	mux.HandleFunc("POST /_ragtime/off", p.switchOff)
	mux.HandleFunc("POST /_ragtime/retrieve", p.retrieve)
	mux.HandleFunc("POST /_ragtime/put", p.put)
	mux.HandleFunc("POST /_ragtime/files", p.files)
	mux.HandleFunc("GET /_ragtime/status/{trace}", p.status)
	mux.HandleFunc("GET /_ragtime/measurement", p.showMeasurement)
	mux.HandleFunc("POST /_ragtime/measurement", p.startMeasurement)
	mux.HandleFunc("DELETE /_ragtime/measurement", p.cancelMeasurement)
	mux.HandleFunc("GET /_ragtime/static/page.css", style)
	mux.HandleFunc("GET /_ragtime/static/{name}", script)
	p.serve = Guard(mux)
	return p
}

// Close ends the requests that the page sent and waits for their end.
func (p *Page) Close() {
	p.mu.Lock()
	p.cancel()
	p.mu.Unlock()
	p.tasks.Wait()
}

// ServeHTTP serves what is below Path.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // a system that starts anew is another one
	r.Body = http.MaxBytesReader(w, r.Body, 4<<20)
	p.serve.ServeHTTP(w, r)
}

// Guard turns away what a page of another site makes a browser send: requests that
// change something across origins, and all requests to a name that is not this
// machine's own, behind which another site's name may have been rebound to it.
// Programs and this machine's pages get through.
func Guard(h http.Handler) http.Handler {
	h = http.NewCrossOriginProtection().Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if net.ParseIP(host) == nil && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
			http.Error(w, "this is only for localhost, not for "+host, http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// style serves all style sheets as one, with that of the waterfalls.
func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	for _, name := range []string{"page", "ask", "library", "measure", "operations"} { // the general before what it is for
		body, _ := files.ReadFile("static/" + name + ".css") // embedded
		w.Write(body)
	}
	io.WriteString(w, xray.Style)
}

// script serves a script.
func script(w http.ResponseWriter, r *http.Request) {
	body, err := files.ReadFile("static/" + r.PathValue("name"))
	if err != nil || path.Ext(r.PathValue("name")) != ".js" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Write(body)
}
