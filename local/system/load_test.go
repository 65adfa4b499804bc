package system_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

var load = flag.Duration("load", 2*time.Second, "how long each number of clients in TestLoad asks")

// TestLoad: many clients that read and put at once all get answers. With -v and -load 1m
// it prints the figures.
func TestLoad(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ask := func(method, path, body string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for _, clients := range []int{8, 16, 64} {
		var mu sync.Mutex
		var took []time.Duration
		statuses := map[int]int{}
		end := time.Now().Add(*load)
		var all sync.WaitGroup
		for c := range clients {
			all.Go(func() {
				for i := 0; time.Now().Before(end); i++ {
					start := time.Now()
					var status int
					if i%8 == 0 {
						body := fmt.Sprintf(`{"text":"Door %d of house %d opens at noon."}`, i, c)
						status = ask("PUT", fmt.Sprintf("/documents/doc-%d", c), body)
					} else {
						status = ask("POST", "/retrieve", `{"query":"when does the door open?"}`)
					}
					mu.Lock()
					statuses[status]++
					took = append(took, time.Since(start))
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for status, n := range statuses {
			if status != 200 {
				t.Errorf("%d clients: %d answers were %d, want 200 for all", clients, n, status)
			}
		}
		slices.Sort(took)
		t.Logf("%d clients: %.0f requests a second, p50 %v, p99 %v", clients, float64(len(took))/load.Seconds(),
			took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond))
	}
}
