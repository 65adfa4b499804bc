package main

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"ragtime/local/network"
	"ragtime/local/openai"
)

// row is a situation in which every client is measured.
type row struct {
	name   string
	faults []network.Fault
	// truth is what the error of a failed call should name: the phase that hung, or the
	// status of the answer. It is "" for a load.
	truth string
	// unit is what the service sees of an attempt at the layer that fails.
	unit unit
	// warm is the number of healthy calls before, one after the other. They leave their
	// connection in the pool.
	warm int
	rest time.Duration // between the healthy calls and the measured one
	// roundTrip is the time to the service and back. With 0 there is no delay, and the
	// table has times as shares of D.
	roundTrip time.Duration
	http1     bool // net/http may not speak HTTP/2
	load      bool // many calls instead of one
}

// unit is something that the service counts.
type unit struct {
	name  string // singular
	count func(network.Counts) int
}

var (
	// A lookup makes two queries, one for each family of addresses, and repeats them after a while.
	lookups     = unit{"lookup", func(c network.Counts) int { return (c.Queries + 1) / 2 }}
	connections = unit{"connection", func(c network.Counts) int { return c.Connections }}
	requests    = unit{"request", func(c network.Counts) int { return c.Requests }}
)

const (
	roundTrip = 20 * time.Millisecond
	// farPrefix begins the names of rows with a delay to the service.
	farPrefix = "20 ms round trips, "
)

var rows = []row{
	{name: "dns silent", faults: always("dns-silent"), truth: "dns", unit: lookups},
	{name: "connect silent", faults: always("connect-silent"), truth: "connect", unit: lookups},
	{name: "tls silent", faults: always("tls-silent"), truth: "tls", unit: connections},
	{name: "wait silent", faults: always("wait-silent"), truth: "wait", unit: requests},
	{name: "body stops half-way", faults: always("receive-half"), truth: "receive", unit: requests},
	{name: "body drips", faults: always("receive-drip"), truth: "receive", unit: requests},
	{
		name:   "pooled connection dead, HTTP/2 where spoken",
		faults: always("connection-dead"),
		truth:  "wait",
		unit:   requests,
		warm:   1,
	},
	{
		name:   "pooled connection dead, HTTP/1.1",
		faults: always("connection-dead"),
		truth:  "wait",
		unit:   requests,
		warm:   1,
		http1:  true,
	},
	{
		name:      farPrefix + "right after others",
		truth:     "wait",
		unit:      requests,
		warm:      10,
		roundTrip: roundTrip,
	},
	{
		name:      farPrefix + "after 10 s of rest",
		truth:     "wait",
		unit:      requests,
		warm:      10,
		rest:      10 * time.Second,
		roundTrip: roundTrip,
	},
	{
		name:      farPrefix + "after 10 s of rest, the connection dead",
		faults:    always("connection-dead"),
		truth:     "wait",
		unit:      requests,
		warm:      10,
		rest:      10 * time.Second,
		roundTrip: roundTrip,
	},
	{
		name:      farPrefix + "after 10 s of rest, the connection dead, HTTP/1.1",
		faults:    always("connection-dead"),
		truth:     "wait",
		unit:      requests,
		warm:      10,
		rest:      10 * time.Second,
		roundTrip: roundTrip,
		http1:     true,
	},
	{name: "first attempt hangs", faults: []network.Fault{{Name: "wait-silent", Times: 1}}, truth: "wait", unit: requests},
	{name: "429, Retry-After 20 s", faults: always(retryAfter20.Name), truth: "429", unit: requests},
	{name: "always 500", faults: always("server-error"), truth: "500", unit: requests},
	{name: "5 % hang, healthy 40 to 80 ms", unit: requests, load: true, faults: []network.Fault{{Name: "wait-silent", Share: 0.05}, {Name: "slow", MinMS: 40, MaxMS: 80}}},
}

// always returns a fault that every attempt meets.
func always(name string) []network.Fault { return []network.Fault{{Name: name}} }

// kinds returns the faults of OpenAI and retryAfter20.
func kinds() []network.Kind { return append(openai.Faults(), retryAfter20) }

// retryAfter20 is OpenAI's 429 with a Retry-After that is longer than a call's time, and
// short enough that clients do not refuse it outright.
var retryAfter20 = network.Kind{
	Name:    "rate-limited-20",
	Meaning: "429, another try after 20 s",
	Wrap: func(next http.Handler) http.Handler {
		limited := openai.Faults()
		i := slices.IndexFunc(limited, func(k network.Kind) bool { return k.Name == "rate-limited" })
		next = limited[i].Wrap(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, header, body := network.Capture(next, r)
			maps.Copy(w.Header(), header)
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(status)
			w.Write(body)
		})
	},
}
