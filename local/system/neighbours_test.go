package system_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// One hang is survived whatever the other clients of the process did before. They are 64
// at once, served by one process, and a third of them is in a hurry.
func TestNeighbours(t *testing.T) {
	const clients = 64
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), PerProcess: clients})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()

	// ask makes a request of a tenant, ready to wait so many seconds if that is not 0.
	ask := func(tenant string, wait int, method, path, body string) (status int, answer string) {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		req.Header.Set("Content-Type", "application/json")
		if wait > 0 {
			req.Header.Set("Prefer", fmt.Sprintf("wait=%d", wait))
		}
		if tenant != "" {
			req.Header.Set("X-Amz-Date", "20261124T000000Z")
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+tenant+"/20261124/local/execute-api/aws4_request, SignedHeaders=host, Signature=00")
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer resp.Body.Close()
		out, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(out)
	}
	const query = `{"query":"what is covered?"}`
	// ofThree lets so many of three clients ask at once, one of three with wait=1, and counts
	// the answers.
	ofThree := func(n int, tenant, method, path, body string) map[int]int {
		var mu sync.Mutex
		statuses := map[int]int{}
		var all sync.WaitGroup
		for i := range clients {
			wait := 0
			if i%3 == 0 {
				wait = 1
			}
			if i%3 >= n {
				continue
			}
			all.Go(func() {
				status, _ := ask(tenant, wait, method, path, strings.ReplaceAll(body, "#", fmt.Sprint(i)))
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		all.Wait()
		return statuses
	}
	set := func(service string, faults ...network.Fault) {
		t.Helper()
		if err := s.Network.Host(service).Set(faults...); err != nil {
			t.Fatal(err)
		}
	}

	const put = `{"text":"Glasses are covered, says # of them."}`
	ask("", 0, "PUT", "/documents/cover", put)
	ask("", 0, "POST", "/retrieve", query)
	tests := []struct {
		name   string
		before func() map[int]int
		least  map[int]int // how many got which answer, at the least, so that it is the case that is meant
	}{
		{"answers take longer than those in a hurry wait", func() map[int]int {
			set("openai", network.Fault{Name: "slow", MinMS: 1100, MaxMS: 1400})
			return ofThree(3, "", "POST", "/retrieve", query)
		}, map[int]int{200: 30, 504: 20}},
		{"the answers of those in a hurry hang", func() map[int]int {
			set("openai", network.Fault{Name: "wait-silent"})
			return ofThree(1, "", "POST", "/retrieve", query)
		}, map[int]int{504: 20}},
		{"all write the same document", func() map[int]int {
			return ofThree(3, "", "PUT", "/documents/cover", put)
		}, map[int]int{409: 10}},
		{"all write the same document, and writes hang", func() map[int]int {
			set("dynamodb", network.Fault{Name: "wait-silent", Share: 0.02})
			return ofThree(3, "", "PUT", "/documents/cover", put)
		}, map[int]int{409: 10}},
		{"each request of another tenant fails", func() map[int]int {
			set("openai", network.Fault{Name: "server-error"})
			return ofThree(3, "alice", "POST", "/retrieve", query)
		}, map[int]int{503: 40}},
		{"each request of another tenant hangs", func() map[int]int {
			set("openai", network.Fault{Name: "wait-silent"})
			return ofThree(3, "bob", "POST", "/retrieve", query)
		}, map[int]int{504: 60}},
	}
	for _, tt := range tests {
		began := time.Now()
		got := tt.before()
		set("openai")
		set("dynamodb")
		for status, n := range tt.least {
			if got[status] < n {
				t.Errorf("%s: the others got %v, want %d times %d at the least", tt.name, got, n, status)
			}
		}
		for _, hang := range []struct{ service, method, path, body string }{
			{"openai", "POST", "/retrieve", query},
			{"dynamodb", "POST", "/retrieve", query},
			{"openai", "PUT", "/documents/one", `{"text":"Nobody has written this before: ` + tt.name + `."}`},
			{"dynamodb", "PUT", "/documents/one", `{"text":"Nor this: ` + tt.name + `."}`},
		} {
			set(hang.service, network.Fault{Name: "wait-silent", Times: 1})
			start := time.Now()
			status, answer := ask("", 0, hang.method, hang.path, hang.body)
			// Where a crowd spent the ration on slow answers it has one more after five seconds. A hang
			// that is not survived is a 504, after 9 s at the least.
			if elapsed := time.Since(start); status != 200 {
				t.Errorf("%s: then one hang of %s: %s %s got %d after %v, want 200: %s", tt.name, hang.service, hang.method, hang.path, status, elapsed, answer)
			}
			if n := s.Network.Host(hang.service).Counts().Requests; n == 0 {
				t.Errorf("%s: nothing was asked of %s", tt.name, hang.service)
			}
			set(hang.service)
		}
		t.Logf("%s: %v, %v", tt.name, got, time.Since(began).Round(time.Millisecond))
	}
	for _, function := range []string{"retrieve", "embed"} {
		if n := len(s.Lambda.Environments(function)); n != 1 {
			t.Errorf("%d processes of %s, want one for all", n, function)
		}
	}
}
