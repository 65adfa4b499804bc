package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArgument {
		exit(work(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

func rowOf(t *testing.T, name string) row {
	t.Helper()
	i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("there is no row %q", name)
	}
	return rows[i]
}

// Two rows with all clients. The checks do not depend on the machine's speed.
func TestRun(t *testing.T) {
	t.Parallel()
	const d = 3 * time.Second
	b := bench{deadline: d, atOnce: 4, calls: 1, progress: io.Discard}
	silent := rowOf(t, "wait silent")
	first := rowOf(t, "first attempt hangs")
	cells, err := b.run(t.Context(), []row{silent, first}, clients)
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range []struct {
		recovers bool
		names    bool
		least    time.Duration // until it gives up
		attempts int           // at the least
	}{
		{least: d, attempts: 1},
		{least: d / 3, attempts: 1},
		{recovers: true, least: d / 3, attempts: 2},
		{recovers: true, names: true, least: d / 3, attempts: 2},
	} {
		hung := cells[0][j]
		one := cells[1][j]
		if hung.OK != 0 || hung.Elapsed[0] < want.least || hung.Attempts < want.attempts || hung.seenByService < 1 {
			t.Errorf("%s, silent: %s (%v, %d seen)", clients[j].name, hung.format(silent, d), hung.Elapsed, hung.seenByService)
		}
		if got := namesTruth(hung.Error, silent.truth); got != want.names {
			t.Errorf("%s names wait: %v, want %v: %s", clients[j].name, got, want.names, hung.Error)
		}
		if ok := one.OK == 1; ok != want.recovers || ok && one.seenByService < 2 || !ok && one.seenByService != 1 {
			t.Errorf("%s, first attempt hangs: %s (%d seen), want recovery %v",
				clients[j].name, one.format(first, d), one.seenByService, want.recovers)
		}
	}
	for _, c := range []cell{cells[0][3], cells[1][3]} {
		if c.leftovers.Goroutines > 0 || c.leftovers.Sockets > 0 {
			t.Errorf("Ragtime left %+v", c.leftovers)
		}
	}
}

// The two rows of a dead connection differ in what net/http speaks, and in both
// the service sees nothing of a request.
func TestProtocols(t *testing.T) {
	t.Parallel()
	b := bench{deadline: 3 * time.Second}
	for _, http1 := range []bool{false, true} {
		name := "pooled connection dead, HTTP/2 where spoken"
		if http1 {
			name = "pooled connection dead, HTTP/1.1"
		}
		c, err := b.runCell(t.Context(), rowOf(t, name), "openai-go")
		if err != nil {
			t.Fatal(err)
		}
		if c.http2 == http1 || c.OK != 0 || c.Attempts != 1 || c.seenByService != 0 {
			t.Errorf("%s: over HTTP/2 %v, ok %d, attempts %d, seen %d", name, c.http2, c.OK, c.Attempts, c.seenByService)
		}
	}
}

// After a rest a call takes one round trip, as it does right after others. With the
// connection dead it is answered all the same. The round trips are long here, so that
// a busy machine does not turn one into two.
func TestFar(t *testing.T) {
	t.Parallel()
	const trip = 400 * time.Millisecond
	b := bench{deadline: 10 * time.Second}
	rested := row{
		truth:     "wait",
		unit:      requests,
		warm:      2,
		rest:      2500 * time.Millisecond,
		roundTrip: trip,
	}
	first := rested
	first.warm = 0
	first.rest = 0
	dead := rested
	dead.faults = always("connection-dead")
	for _, tt := range []struct {
		name        string
		row         row
		least, most time.Duration
		attempts    int
	}{
		{"the first", first, 3 * trip, 0, 1},        // TCP, TLS, request
		{"after a rest", rested, trip, 3 * trip, 1}, // less than over a new connection
		{"after a rest, dead", dead, 2 * trip, 0, 2},
	} {
		c, err := b.runCell(t.Context(), tt.row, "Ragtime")
		if err != nil {
			t.Fatal(err)
		}
		if took := c.Elapsed[0]; c.OK != 1 || took < tt.least || tt.most > 0 && took >= tt.most || c.Attempts < tt.attempts {
			t.Errorf("%s: %s, %v; want %v to %v", tt.name, c.format(tt.row, b.deadline), took, tt.least, tt.most)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	b := bench{deadline: 10 * time.Second, calls: 40}
	c, err := b.runCell(t.Context(), rowOf(t, "5 % hang, healthy 40 to 80 ms"), "Ragtime")
	if err != nil {
		t.Fatal(err)
	}
	if c.OK != 40 || len(c.Elapsed) != 40 || slices.Min(c.Elapsed) < 40*time.Millisecond || c.seenByService < 42 {
		t.Errorf("%d of %d ok, %d requests, fastest %v", c.OK, len(c.Elapsed), c.seenByService, slices.Min(c.Elapsed))
	}
}

// A worker that never gets "go" ends, and a mistake is no result.
func TestMistakes(t *testing.T) {
	b := bench{deadline: time.Second}
	c, err := b.runCell(t.Context(), row{faults: always("nonsense"), unit: requests}, "Ragtime")
	if runtime.GOOS == "linux" &&
		(err == nil || !strings.Contains(err.Error(), "nonsense") || strings.Contains(err.Error(), "exit status")) {
		t.Errorf("an unknown fault: %v", err)
	}
	if runtime.GOOS != "linux" && (err != nil || c.format(row{}, time.Second) != "not on this system") {
		t.Errorf("got %q, %v", c.format(row{}, time.Second), err)
	}
	if _, err := b.runCell(t.Context(), rowOf(t, "wait silent"), "nobody"); err == nil || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("an unknown client: %v", err)
	}
}

func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (bench{deadline: time.Second, atOnce: 4, progress: io.Discard}).run(ctx, rows, clients); err == nil {
		t.Error("a run whose context is done has a result")
	}
}

func TestTable(t *testing.T) {
	done := func(ok int, text string) outcome {
		return outcome{OK: ok, Elapsed: []time.Duration{time.Second}, Attempts: 2, Error: text}
	}
	r := row{name: "x", truth: "dns", unit: lookups, warm: 1}
	for want, c := range map[string]cell{
		"**ok** 0.50 / 2; left nothing": {
			outcome:       done(1, ""),
			seenByService: 2,
			http2:         true,
		},
		"no 0.50 / 2 (1 lookup); dns not named; HTTP/1.1; left 3 + 1": {
			outcome:       done(0, "context deadline exceeded"),
			seenByService: 1,
			leftovers:     resources{3, 1},
		},
		"no 0.50 / 2 (0 lookups); names dns; HTTP/1.1; left 1 goroutine": {
			outcome:   done(0, "lookup openai.test: timeout"),
			leftovers: resources{1, -1},
		},
	} {
		if got := c.format(r, 2*time.Second); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	cells := [][]cell{slices.Repeat([]cell{{outcome: done(1, "")}}, len(clients))}
	for _, line := range strings.Split(table(2*time.Second, []row{r}, clients, cells), "\n") {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != len(clients)+2 {
			t.Errorf("a line of the table has not %d columns: %s", len(clients)+1, line)
		}
	}
}

func TestNames(t *testing.T) {
	for truth, texts := range map[string][2]string{ // one that names it, one that does not
		"dns":     {"dial tcp: lookup openai.test: i/o timeout", `Post "https://openai.test:42900/v1/embeddings": context deadline exceeded`},
		"connect": {"was in phase connect (no TCP connection)", "connection lost"},
		"429":     {`POST "https://openai.test:1/v1/embeddings": 429 Too Many Requests`, `Post "https://openai.test:42900/v1/embeddings": context deadline exceeded`},
		"wait":    {"was in phase wait (no response byte)", "context deadline exceeded"},
	} {
		if !namesTruth(texts[0], truth) || namesTruth(texts[1], truth) {
			t.Errorf("%s: %q %v, %q %v", truth, texts[0], namesTruth(texts[0], truth), texts[1], namesTruth(texts[1], truth))
		}
	}
	for _, r := range rows {
		if truthPatterns[r.truth] == nil && !r.load {
			t.Errorf("%s: nothing says how an error names %q", r.name, r.truth)
		}
	}
}

func TestQuantile(t *testing.T) {
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(all, share); got != want {
			t.Errorf("%v: got %v, want %v", share, got, want)
		}
	}
}

func TestFlags(t *testing.T) {
	good := bench{deadline: 5 * time.Second, atOnce: 4, calls: 400}
	if err := good.validate(0); err != nil {
		t.Error(err)
	}
	for name, b := range map[string]bench{
		"short":    {deadline: time.Millisecond, atOnce: 4, calls: 400},
		"long":     {deadline: time.Minute, atOnce: 4, calls: 400},
		"no cells": {deadline: 5 * time.Second, calls: 400},
		"no calls": {deadline: 5 * time.Second, atOnce: 4},
	} {
		if b.validate(0) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if good.validate(1) == nil {
		t.Error("an argument is taken")
	}
}
