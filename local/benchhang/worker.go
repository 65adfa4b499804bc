package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// task is the work of a worker.
type task struct {
	Client   string // its name
	URL      string
	Resolver string // of the network, host:port
	Deadline time.Duration
	Warm     int           // healthy calls before
	Rest     time.Duration // between them and the measured calls
	Calls    int
	AtOnce   int
}

// outcome is the result of the measured calls.
type outcome struct {
	OK       int
	Elapsed  []time.Duration // of each call
	Attempts int             // requests that the client gave to its transport
	Error    string          // of the last call that failed
}

// resources counts what a call that hangs may leave open in a process.
type resources struct {
	Goroutines int
	Sockets    int // -1 where the system does not say
}

const (
	// leftoverDelay is the time between the calls and the count of what they left.
	leftoverDelay = time.Second
	// closeDelay is the last part of it, in which idle connections can close.
	closeDelay = 200 * time.Millisecond
)

// work runs a worker. It reads a task from in, makes the client and its healthy calls,
// and writes "ready" to out. After the next value from in it makes the measured calls
// and writes their outcome; leftoverDelay later it writes what they left open, as
// resources. It returns nil if in ends instead.
func work(in io.Reader, out io.Writer) error {
	before := countResources()
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	var t task
	if err := decoder.Decode(&t); err != nil {
		return err
	}
	net.DefaultResolver = resolver(t.Resolver)
	counter := &transport{RoundTripper: http.DefaultTransport}
	http.DefaultTransport = counter
	i := slices.IndexFunc(clients, func(c client) bool { return c.name == t.Client })
	if i < 0 {
		return fmt.Errorf("there is no client %q", t.Client)
	}
	call := clients[i].start(t, counter)
	for range t.Warm {
		if err := call(); err != nil {
			return fmt.Errorf("a call of a healthy service: %w", err)
		}
	}
	time.Sleep(t.Rest)
	if err := encoder.Encode("ready"); err != nil {
		return err
	}
	if err := decoder.Decode(new(string)); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	counter.attempts.Store(0)
	if err := encoder.Encode(makeCalls(call, t.Calls, t.AtOnce, counter)); err != nil {
		return err
	}
	// A pooled connection is no leak, so it is closed before the count. This comes late,
	// since a connection may not be idle right after its call.
	time.Sleep(leftoverDelay - closeDelay)
	counter.CloseIdleConnections()
	time.Sleep(closeDelay)
	after := countResources()
	if after.Sockets >= 0 {
		after.Sockets -= before.Sockets
	}
	return encoder.Encode(resources{after.Goroutines - before.Goroutines, after.Sockets})
}

// makeCalls makes a number of calls, atOnce at a time.
func makeCalls(call embed, calls, atOnce int, counter *transport) outcome {
	o := outcome{Elapsed: make([]time.Duration, calls)}
	var mu sync.Mutex
	var next atomic.Int64
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(calls); i = next.Add(1) - 1 {
				start := time.Now()
				err := call()
				o.Elapsed[i] = time.Since(start)
				mu.Lock()
				if err == nil {
					o.OK++
				} else {
					o.Error = err.Error()
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	o.Attempts = int(counter.attempts.Load())
	return o
}

// resolver returns a resolver like net.DefaultResolver that asks another DNS server.
func resolver(server string) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server)
		},
	}
}

// transport counts the attempts of a client, also those on a dead connection, which a
// server never sees.
type transport struct {
	http.RoundTripper
	attempts atomic.Int64
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.attempts.Add(1)
	return t.RoundTripper.RoundTrip(r)
}

func (t *transport) CloseIdleConnections() {
	t.RoundTripper.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

// countResources counts what this process has open.
func countResources() resources {
	h := resources{Goroutines: runtime.NumGoroutine(), Sockets: -1}
	const descriptors = "/proc/self/fd/" // Linux only
	files, err := os.ReadDir(descriptors)
	if err != nil {
		return h
	}
	h.Sockets = 0
	for _, f := range files {
		if to, err := os.Readlink(descriptors + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			h.Sockets++
		}
	}
	return h
}
