package system_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// manyClients is how many clients there are. One process a function serves them all.
const manyClients = 32

// manyLog collects what the functions log.
type manyLog struct {
	mu    sync.Mutex
	lines map[string]map[string]int // by operation id and message
	races []string
	pids  map[string]bool // by log stream
}

func (l *manyLog) add(line lambda.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pids[line.Function+" "+line.LogStream] = true
	if strings.Contains(line.Text, "DATA RACE") || len(l.races) > 0 && len(l.races) < 60 && !line.Platform {
		l.races = append(l.races, line.Text)
	}
	var m struct {
		Message string
		ID      string `json:"operation_id"`
	}
	if json.Unmarshal([]byte(line.Text), &m) != nil || m.ID == "" {
		return
	}
	if l.lines[m.ID] == nil {
		l.lines[m.ID] = map[string]int{}
	}
	l.lines[m.ID][m.Message]++
}

// Many invocations share one process, with hangs, resets and refusals among them. Each
// client gets its own answer, each operation is logged once, one invocation fetches the
// key for all, and the race detector finds nothing.
func TestManyAtOnce(t *testing.T) {
	if out, err := exec.Command("go", "env", "CGO_ENABLED").Output(); err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skip("the race detector needs a C compiler")
	}
	log := manyLog{lines: map[string]map[string]int{}, pids: map[string]bool{}}
	s := systemtest.Start(t, system.Options{
		Root:       systemtest.BuildRace(t),
		PerProcess: manyClients,
		SecretKey:  true,
		Log:        log.add,
	})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: manyClients}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	seen := map[string]bool{}
	ask := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Prefer", "wait=10")
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer resp.Body.Close()
		var answer json.RawMessage
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Errorf("%s %s: %s: %v", method, path, resp.Status, err)
		}
		id := resp.Header.Get("Ragtime-Operation-Id")
		mu.Lock()
		defer mu.Unlock()
		if id == "" || seen[id] {
			t.Errorf("%s %s: operation id %q is missing or another's", method, path, id)
		}
		seen[id] = true
		return resp.StatusCode, string(answer)
	}
	everyone := func(f func(i int)) {
		var all sync.WaitGroup
		for i := range manyClients {
			all.Go(func() { f(i) })
		}
		all.Wait()
	}
	secret := s.Network.Host("secretsmanager")
	if err := secret.Set(network.Fault{Name: "wait-silent", Times: 1}); err != nil {
		t.Fatal(err)
	}
	word := func(i int) string { return fmt.Sprintf("The code word of room %d is %s.", i, strings.Repeat("x", i+1)) }
	everyone(func(i int) {
		body, _ := json.Marshal(map[string]string{"text": word(i)})
		if status, answer := ask("PUT", fmt.Sprintf("/documents/room-%d", i), string(body)); status != 200 {
			t.Errorf("put %d answered %d %s", i, status, answer)
		}
	})
	if n := secret.Counts().Requests; n > 4 {
		t.Errorf("%d callers made %d requests for the key, want one fetch with a hang in it", manyClients, n)
	}
	faults := []network.Fault{
		{Name: "wait-silent", Share: 0.05},
		{Name: "reset", Share: 0.2},
		{Name: "server-error", Share: 0.2},
		{Name: "receive-half", Share: 0.05},
		{Name: "rate-limited-long", Share: 0.05},
		{Name: "connection-dead"},
	}
	for _, fault := range faults {
		openai := s.Network.Host("openai")
		if err := openai.Set(fault); err != nil {
			t.Fatal(err)
		}
		well := 0
		everyone(func(i int) {
			for range 3 {
				body := fmt.Sprintf(`{"query":"code word","filter":{"document_id":"room-%d"}}`, i)
				status, answer := ask("POST", "/retrieve", body)
				var got passages
				json.Unmarshal([]byte(answer), &got)
				switch {
				case status == 200 && (len(got.Passages) != 1 || got.Passages[0].Text != word(i)):
					t.Errorf("%s: client %d got %s, which is another's", fault.Name, i, answer)
				case status == 200:
					mu.Lock()
					well++
					mu.Unlock()
				case status != 503 && status != 504 && status != 429:
					t.Errorf("%s: client %d got %d %s", fault.Name, i, status, answer)
				}
			}
		})
		if well < 3*manyClients/2 {
			t.Errorf("%s: %d of %d retrievals went well, want half at the least", fault.Name, well, 3*manyClients)
		}
		if err := openai.Set(); err != nil {
			t.Fatal(err)
		}
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	for id := range seen {
		if l := log.lines[id]; l["operation started"] != 1 || l["operation finished"] != 1 {
			t.Errorf("operation %s has log lines %v, want one start and one finish", id, l)
		}
	}
	if len(log.pids) != 2 {
		t.Errorf("processes %v, want one of each of two functions", log.pids)
	}
	if len(log.races) > 0 {
		t.Errorf("the race detector says:\n%s", strings.Join(log.races, "\n"))
	}
}
