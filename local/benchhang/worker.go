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

// task is what a worker is to do.
type task struct {
	Client   string // its name
	URL      string
	Resolver string // of the network, host:port
	Deadline time.Duration
	Warm     int           // healthy calls before
	Rest     time.Duration // between them and the others
	Calls    int
	AtOnce   int
}

// outcome is how the calls went.
type outcome struct {
	OK       int
	Elapsed  []time.Duration // of each call
	Attempts int             // requests that the client gave to its transport
	Error    string          // of a call that failed
}

// resources is what a process has of what a call that hangs may leave behind.
type resources struct {
	Goroutines int
	Sockets    int // -1 where the system does not tell
}

const (
	// leftoverDelay is how long after the calls the worker looks for what they left.
	leftoverDelay = time.Second
	// closeDelay is the part of it that connections have to close in.
	closeDelay = 200 * time.Millisecond
)

// work is the life of a worker. It reads a task, makes the client ready and says
// so, makes the calls when it is told to (it ends, if its input does), and says
// how they went; lingering later, what they left.
func work(in io.Reader, out io.Writer) error {
	before := countResources()
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	var t task
	if err := from.Decode(&t); err != nil {
		return err
	}
	net.DefaultResolver = resolver(t.Resolver)
	over := &transport{RoundTripper: http.DefaultTransport}
	http.DefaultTransport = over
	i := slices.IndexFunc(clients, func(c client) bool { return c.name == t.Client })
	if i < 0 {
		return fmt.Errorf("there is no client %q", t.Client)
	}
	call := clients[i].start(t, over)
	for range t.Warm {
		if err := call(); err != nil {
			return fmt.Errorf("a call of a healthy service: %w", err)
		}
	}
	time.Sleep(t.Rest)
	if err := to.Encode("ready"); err != nil {
		return err
	}
	if err := from.Decode(new(string)); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	over.attempts.Store(0)
	if err := to.Encode(makeCalls(call, t.Calls, t.AtOnce, over)); err != nil {
		return err
	}
	// A pooled connection is no leak: let it go before the count. Not at once: it
	// may yet have to notice that it is idle.
	time.Sleep(leftoverDelay - closeDelay)
	over.CloseIdleConnections()
	time.Sleep(closeDelay)
	after := countResources()
	if after.Sockets >= 0 {
		after.Sockets -= before.Sockets
	}
	return to.Encode(resources{after.Goroutines - before.Goroutines, after.Sockets})
}

// makeCalls makes calls, some at once.
func makeCalls(call embed, calls, atOnce int, over *transport) outcome {
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
	o.Attempts = int(over.attempts.Load())
	return o
}

// resolver asks the network's DNS server in the place of the system's. Else it
// is what net.DefaultResolver is.
func resolver(server string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
}

// transport counts the attempts of a client where all of them pass: those on a
// dead connection, too, of which a server never hears.
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

// countResources counts what this process has.
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
