package system_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/samples"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

var load = flag.Duration("load", time.Second, "how long each number of clients in TestLoad asks")

// TestLoad: many clients at once, who put, list and retrieve, all get answers: by
// themselves, while the samples are put, and while a service hangs. No process dies.
// With -v and -load 1m it prints the figures that docs/design.md has.
func TestLoad(t *testing.T) {
	var deaths atomic.Int32
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), Log: func(l lambda.Line) {
		for _, status := range []string{"failure", "error", "timeout"} {
			if l.Platform && strings.Contains(l.Text, `"status":"`+status+`"`) {
				deaths.Add(1)
				t.Logf("%s: %s", l.Function, l.Text)
			}
		}
	}})
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	c := loadClient{t, s.URL, &http.Client{Transport: transport}}
	for _, tt := range []struct {
		name string
		hang bool // OpenAI does, and clients wait for 2 s
		work func(context.Context)
	}{
		{"alone", false, nil},
		{"while samples load", false, c.putSamples},
		{"while OpenAI hangs", true, nil},
	} {
		for _, clients := range []int{8, 16, 64} {
			if tt.hang {
				if err := s.Network.Host("openai").Set(network.Fault{Name: "wait-silent"}); err != nil {
					t.Fatal(err)
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			var beside sync.WaitGroup
			if tt.work != nil {
				beside.Go(func() { tt.work(ctx) })
			}
			r := c.run(clients, tt.hang)
			stop()
			beside.Wait()
			if err := s.Network.Host("openai").Set(); err != nil {
				t.Fatal(err)
			}
			for status, n := range r.statuses {
				switch {
				case status == http.StatusOK:
				case tt.hang && status == http.StatusGatewayTimeout && r.timedOutLists == 0: // named, and in time
				default:
					t.Errorf("%s, %d clients: %d answers were %d, %d lists timed out", tt.name, clients, n, status, r.timedOutLists)
				}
			}
			if tt.hang && r.statuses[http.StatusGatewayTimeout] == 0 {
				t.Errorf("%s, %d clients: nothing hung", tt.name, clients)
			}
			t.Logf("%s, %d clients: %s", tt.name, clients, r)
		}
	}
	if n := deaths.Load(); n > 0 {
		t.Errorf("%d processes died", n)
	}
}

type loadClient struct {
	t    *testing.T
	url  string
	http *http.Client
}

// ask sends a request, and gives the answer's status; 0 where there is no answer.
func (c loadClient) ask(ctx context.Context, method, path, body string, wait bool) int {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	if wait {
		req.Header.Set("Prefer", "wait=2")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			c.t.Error(err)
		}
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// putSamples puts the sample documents, four at once and each time with other texts,
// until the context ends. No document is put twice at once, which would be a conflict.
func (c loadClient) putSamples(ctx context.Context) {
	documents := samples.Documents()
	const atOnce = 4
	var all sync.WaitGroup
	for first := range atOnce {
		all.Go(func() {
			for n := first; ctx.Err() == nil; n += atOnce {
				if n >= len(documents) {
					n = first
				}
				d := documents[n]
				text := fmt.Sprint(time.Now(), ": ", d.Title, ". ", strings.Repeat("More about it. ", 200))
				status := c.ask(ctx, "PUT", "/documents/"+d.ID, fmt.Sprintf(`{"text":%q}`, text), false)
				if status != http.StatusOK && ctx.Err() == nil {
					c.t.Errorf("a sample's put was answered with %d", status)
				}
			}
		})
	}
	all.Wait()
}

type loadResult struct {
	statuses      map[int]int
	timedOutLists int
	took          []time.Duration
	rate          float64
}

func (r loadResult) String() string {
	var statuses []string
	for _, s := range slices.Sorted(maps.Keys(r.statuses)) {
		statuses = append(statuses, fmt.Sprintf("%d times %d", r.statuses[s], s))
	}
	return fmt.Sprintf("%.0f requests a second, p50 %v, p99 %v, longest %v; %s", r.rate,
		r.took[len(r.took)/2].Round(time.Millisecond), r.took[len(r.took)*99/100].Round(time.Millisecond),
		r.took[len(r.took)-1].Round(time.Millisecond), strings.Join(statuses, ", "))
}

// run has the clients ask for as long as the flag says. Of eight requests one is a
// put, one a list, and the rest are retrievals.
func (c loadClient) run(clients int, wait bool) loadResult {
	r := loadResult{statuses: map[int]int{}}
	var mu sync.Mutex
	begun := time.Now()
	end := begun.Add(*load)
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			for i := n; time.Now().Before(end); i++ {
				start := time.Now()
				var status int
				switch i % 8 {
				case 0:
					body := fmt.Sprintf(`{"text":"Door %d of house %d opens at noon, since %v."}`, i, n, start)
					status = c.ask(c.t.Context(), "PUT", fmt.Sprintf("/documents/doc-%d", n), body, wait)
				case 1:
					status = c.ask(c.t.Context(), "GET", "/documents?limit=10", "", false)
				default:
					status = c.ask(c.t.Context(), "POST", "/retrieve", `{"query":"when does the door open?"}`, wait)
				}
				mu.Lock()
				r.statuses[status]++
				if status == http.StatusGatewayTimeout && i%8 == 1 {
					r.timedOutLists++
				}
				r.took = append(r.took, time.Since(start))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	r.rate = float64(len(r.took)) / time.Since(begun).Seconds()
	slices.Sort(r.took)
	return r
}
