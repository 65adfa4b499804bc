package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ragtime/local/network"
	"ragtime/local/openai"
)

// bench runs the cells of the table.
type bench struct {
	deadline time.Duration // D
	atOnce   int           // cells that run at once
	calls    int           // of a cell under load
	progress io.Writer
}

// cell is the result of one client in one row.
type cell struct {
	outcome
	leftovers     resources
	seenByService int  // attempts, in the row's unit
	http2         bool // the healthy call before went over HTTP/2
	unavailable   bool // this system does not have the fault
}

const (
	// loadCallers is how many callers make the calls of a cell under load.
	loadCallers = 8
	key         = "sk-local"
)

// run returns the cells by row and client. Cells under load run last and one by one,
// since others beside them would change the times that they measure.
func (b bench) run(ctx context.Context, rows []row, clients []client) ([][]cell, error) {
	cells := make([][]cell, len(rows))
	for i := range cells {
		cells[i] = make([]cell, len(clients))
	}
	var mu sync.Mutex
	done := 0
	for _, load := range []bool{false, true} {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(b.atOnce)
		if load {
			g.SetLimit(1)
		}
		for i, r := range rows {
			if r.load != load {
				continue
			}
			for j, c := range clients {
				g.Go(func() error {
					var err error
					if cells[i][j], err = b.runCell(ctx, r, c.name); err != nil {
						return fmt.Errorf("%s, %s: %w", r.name, c.name, err)
					}
					mu.Lock()
					defer mu.Unlock()
					done++
					fmt.Fprintf(b.progress, "%2d of %d: %s; %s: %s\n",
						done, len(rows)*len(clients), r.name, c.name, cells[i][j].format(r, b.deadline))
					return nil
				})
			}
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// runCell runs a client, by its name, in a row.
func (b bench) runCell(ctx context.Context, r row, client string) (_ cell, err error) {
	n, err := network.New()
	if err != nil {
		return cell{}, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	// On these systems Go does not read SSL_CERT_FILE.
	n.Plain = runtime.GOOS == "darwin" || runtime.GOOS == "windows"
	h, err := n.Serve("openai", openai.API(), kinds()...)
	if err != nil {
		return cell{}, err
	}
	t := task{
		Client:   client,
		URL:      h.URL() + "/v1",
		Resolver: n.Resolver(),
		Deadline: b.deadline,
		Warm:     r.warm,
		Rest:     r.rest,
		Calls:    1,
		AtOnce:   1,
	}
	if r.roundTrip > 0 {
		u, err := url.Parse(t.URL)
		if err != nil {
			return cell{}, err
		}
		l, err := newDelayProxy(net.JoinHostPort("127.0.0.1", u.Port()), r.roundTrip)
		if err != nil {
			return cell{}, err
		}
		defer l.close()
		u.Host = net.JoinHostPort(u.Hostname(), l.port())
		t.URL = u.String()
	}
	if r.load {
		t.Calls = b.calls
		t.AtOnce = loadCallers
	}
	// The limit is far more than the calls need. It is for a client that never returns.
	turns := (t.Calls + t.AtOnce - 1) / t.AtOnce
	ctx, cancel := context.WithTimeout(ctx, time.Minute+r.rest+3*b.deadline*time.Duration(turns))
	defer cancel()
	w, err := startWorker(ctx, n, t, r.http1)
	if err != nil {
		return cell{}, err
	}
	out, err := w.measure(h, r)
	if err = w.end(err); err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err) // the context's error says why it was killed
	}
	return out, err
}

// worker is the process of a cell.
type worker struct {
	command *exec.Cmd
	folder  string // of the CA's file
	stdin   io.WriteCloser
	encoder *json.Encoder
	decoder *json.Decoder
}

// startWorker starts a process with none of this one's environment, since a proxy in it,
// for example, would change the result.
func startWorker(ctx context.Context, n *network.Network, t task, http1 bool) (_ *worker, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "benchhang")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(folder)
		}
	}()
	ca := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(ca, n.CertPEM(), 0o600); err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, program, workerArgument)
	c.Env = []string{"SSL_CERT_FILE=" + ca, "OPENAI_BASE_URL=" + t.URL, "OPENAI_API_KEY=" + key}
	if http1 {
		c.Env = append(c.Env, "GODEBUG=http2client=0")
	}
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	w := &worker{
		command: c,
		folder:  folder,
		stdin:   in,
		encoder: json.NewEncoder(in),
		decoder: json.NewDecoder(out),
	}
	if err := w.encoder.Encode(t); err != nil {
		return nil, w.end(err)
	}
	return w, nil
}

// measure waits for the worker to be ready, sets the row's faults, and lets it call.
func (w *worker) measure(h *network.Host, r row) (cell, error) {
	if err := w.decoder.Decode(new(string)); err != nil {
		return cell{}, err
	}
	out := cell{http2: h.Counts().HTTP2 > 0}
	if err := h.Set(r.faults...); err != nil {
		if runtime.GOOS == "linux" { // Linux has all faults, so this is a mistake
			return cell{}, err
		}
		out.unavailable = true
		return out, nil
	}
	before := r.unit.count(h.Counts())
	if err := w.encoder.Encode("go"); err != nil {
		return cell{}, err
	}
	if err := w.decoder.Decode(&out.outcome); err != nil {
		return cell{}, err
	}
	out.seenByService = r.unit.count(h.Counts()) - before
	return out, w.decoder.Decode(&out.leftovers)
}

// end ends the worker's input and waits for its end.
func (w *worker) end(err error) error {
	w.stdin.Close()
	return errors.Join(err, w.command.Wait(), os.RemoveAll(w.folder))
}
