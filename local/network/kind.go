package network

import (
	"fmt"
	"net/http"
	"slices"

	"ragtime/shared/fault"
)

// Kind is a way to fail.
type Kind struct {
	Name    string
	Meaning string // one line
	// Phase is the phase in which a client that meets the fault hangs or fails. It is
	// "" if the service answers, even with an error.
	Phase fault.Phase
	// Wrap wraps the service's handler for each request that meets the fault. A
	// service's own kinds need it.
	Wrap func(next http.Handler) http.Handler

	layer layer
	linux bool // it needs the whole of 127.0.0.0/8
	// serve is used instead of Wrap by kinds that hang.
	serve func(e encounter, w http.ResponseWriter, r *http.Request)
}

// layer is where a fault is met, and so what its Times and Share count.
type layer int

const (
	atRequest layer = iota
	atLookup        // a DNS query for the service's IPv4 address
	atAccept        // a new connection
	atOnce          // the connections that are there when it is switched on
)

// generalKinds are the faults that every service has, in the order of a request's phases.
var generalKinds = append([]Kind{
	{Name: "dns-silent", Phase: fault.PhaseDNS, layer: atLookup,
		Meaning: "the DNS server reads the query and never answers"},
	{Name: "dns-first-silent", Phase: fault.PhaseDNS, layer: atLookup,
		Meaning: "the first of the two DNS servers never answers, the second one does"},
	{Name: "dns-ipv6-silent", Phase: fault.PhaseDNS, layer: atLookup,
		Meaning: "the DNS servers answer for IPv4, and never answer for IPv6"},
	{Name: "dns-fails", Phase: fault.PhaseDNS, layer: atLookup,
		Meaning: "the DNS server answers SERVFAIL"},
	{Name: "connect-silent", Phase: fault.PhaseConnect, layer: atLookup, linux: true,
		Meaning: "the name has an address where SYNs are dropped (Linux only)"},
	{Name: "connect-first-silent", Phase: fault.PhaseConnect, layer: atLookup, linux: true,
		Meaning: "the name has two addresses: the first one drops SYNs, the second one is healthy (Linux only)"},
	{Name: "first-stopped", Phase: fault.PhaseTLS, layer: atLookup, linux: true,
		Meaning: "the name has two addresses: at the first one is a stopped process, the second one is healthy (Linux only)"},
	{Name: "first-silent", Phase: fault.PhaseWait, layer: atLookup, linux: true,
		Meaning: "the name has two addresses: the first one reads requests and never answers, the second one is healthy (Linux only)"},
	{Name: "connect-refused", Phase: fault.PhaseConnect, layer: atLookup, linux: true,
		Meaning: "the name has an address where nothing listens (Linux only)"},
	{Name: "tls-silent", Phase: fault.PhaseTLS, layer: atAccept,
		Meaning: "the connection is accepted, and nothing is ever sent on it"},
	{Name: "certificate-wrong", Phase: fault.PhaseTLS, layer: atAccept,
		Meaning: "the certificate is of another name"},
	{Name: "send-stalls", Phase: fault.PhaseSend, layer: atAccept,
		Meaning: "after the handshake nothing is read: a request too large for the kernels' buffers (64 KiB are, on Linux) gets stuck"},
	{Name: "server-stopped", Phase: fault.PhaseTLS, layer: atOnce,
		Meaning: "as a stopped process: connections are dead, new ones are never accepted from the kernel's backlog"},
	{Name: "connection-dead", Phase: fault.PhaseWait, layer: atOnce,
		Meaning: "connections that are there now go dead without a word; new ones are healthy"},
	{Name: "wait-silent", Phase: fault.PhaseWait, serve: waitSilent,
		Meaning: "the request is read, and never answered"},
	{Name: "goaway", Phase: fault.PhaseWait, serve: goAway,
		Meaning: "the server ends the connection without an answer: GOAWAY and close in HTTP/2, close in HTTP/1.1"},
	{Name: "reset", Phase: fault.PhaseWait, serve: reset,
		Meaning: "the connection is reset (TCP RST) while the request is under way"},
	{Name: "receive-silent", Phase: fault.PhaseReceive, serve: receiveSilent,
		Meaning: "the response's header comes, then nothing"},
	{Name: "receive-half", Phase: fault.PhaseReceive, serve: receiveHalf,
		Meaning: "half of the response's body comes, then nothing"},
	{Name: "receive-drip", Phase: fault.PhaseReceive, serve: receiveDrip,
		Meaning: "the response's body comes at a byte each 200 ms, without end"},
	{Name: "receive-endless", Phase: fault.PhaseReceive, serve: receiveEndless,
		Meaning: "the response's body never ends: bytes come as fast as they are taken"},
	{Name: kindSlow, Meaning: "healthy, but answers after min_ms to max_ms; goes with any other fault"},
	{Name: "redirect-loop", Wrap: answerWith(redirect), Meaning: "302 to itself"},
	{Name: "html", Wrap: answerWith(html), Meaning: "200 with an HTML page, as of a captive portal"},
}, statusKinds(401, 403, 404, 429, 500, 502, 503, 504)...)

const kindSlow = "slow"

// statusKinds returns faults that answer with a status in plain text, as a proxy does.
func statusKinds(statuses ...int) (out []Kind) {
	for _, s := range statuses {
		text := http.StatusText(s)
		out = append(out, Kind{
			Name:    fmt.Sprintf("answer-%d", s),
			Meaning: fmt.Sprintf("%d %s, in plain text", s, text),
			Wrap:    answerWith(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, s) }),
		})
	}
	return out
}

// answerWith is a Wrap that uses f in the service's place.
func answerWith(f http.HandlerFunc) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler { return f }
}

func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.RequestURI(), http.StatusFound)
}

func html(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, "<!doctype html><html><head><title>Welcome</title></head>"+
		"<body><p>Please sign in to use this network.</p></body></html>\n")
}

// kindsOf returns the general kinds and a service's own.
func kindsOf(own []Kind) ([]Kind, error) {
	all := slices.Clone(generalKinds)
	for _, k := range own {
		if k.Name == "" || k.Wrap == nil {
			return nil, fmt.Errorf("network: fault %q of a service's own has no name or no Wrap", k.Name)
		}
		if slices.ContainsFunc(all, func(other Kind) bool { return other.Name == k.Name }) {
			return nil, fmt.Errorf("network: fault %s is there already", k.Name)
		}
		all = append(all, k)
	}
	return all, nil
}
