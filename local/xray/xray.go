// Package xray is X-Ray on a developer's machine. Its daemon receives segment
// documents over UDP, in the SDK's format, and keeps them in memory by trace. Tree
// merges a trace's documents as X-Ray does; Text and SVG draw the tree for a terminal
// and for a page.
package xray

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// maxTraces is how many traces the daemon keeps. Beyond that it drops the oldest.
const maxTraces = 1000

// Daemon receives segment documents. Safe for concurrent use.
type Daemon struct {
	conn net.PacketConn
	done chan struct{}

	mu     sync.Mutex
	traces map[string][]storedDocument
	order  []string // trace ids, oldest first
}

type storedDocument struct {
	document json.RawMessage
	at       time.Time
}

// Listen starts a daemon on a UDP address such as 127.0.0.1:0.
func Listen(address string) (*Daemon, error) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	// An operation of hundreds of attempts sends all its documents at once, and the
	// default buffer holds about a hundred. The kernel may give less than this.
	if err := conn.(*net.UDPConn).SetReadBuffer(4 << 20); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	d := &Daemon{conn: conn, done: make(chan struct{}), traces: map[string][]storedDocument{}}
	go d.receive()
	return d, nil
}

// Addr returns the address, host:port, for AWS_XRAY_DAEMON_ADDRESS.
func (d *Daemon) Addr() string { return d.conn.LocalAddr().String() }

// Close stops receiving. What was received stays readable.
func (d *Daemon) Close() error {
	err := d.conn.Close()
	<-d.done
	return err
}

// Trace returns the documents of a trace in the order of their arrival.
func (d *Daemon) Trace(id string) []json.RawMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []json.RawMessage
	for _, r := range d.traces[id] {
		out = append(out, r.document)
	}
	return out
}

// Traces returns the ids of the traces, newest first.
func (d *Daemon) Traces() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := slices.Clone(d.order)
	slices.Reverse(out)
	return out
}

func (d *Daemon) receive() {
	defer close(d.done)
	buf := make([]byte, 64<<10) // the limit of a UDP datagram, and of X-Ray for a document
	for {
		n, _, err := d.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			d.store(buf[:n], time.Now())
		}
	}
}

// store keeps the document of a datagram, which is a header line
// {"format":"json","version":1}, then one document. It drops any other datagram, as
// the real daemon does.
func (d *Daemon) store(datagram []byte, at time.Time) {
	header, document, ok := bytes.Cut(datagram, []byte("\n"))
	var h struct {
		Format  string
		Version int
	}
	var doc struct {
		TraceID string `json:"trace_id"`
	}
	if !ok || json.Unmarshal(header, &h) != nil || h.Format != "json" || h.Version != 1 ||
		json.Unmarshal(document, &doc) != nil || doc.TraceID == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, seen := d.traces[doc.TraceID]; !seen {
		if len(d.order) == maxTraces {
			delete(d.traces, d.order[0])
			d.order = d.order[1:]
		}
		d.order = append(d.order, doc.TraceID)
	}
	d.traces[doc.TraceID] = append(d.traces[doc.TraceID], storedDocument{bytes.Clone(document), at})
}
