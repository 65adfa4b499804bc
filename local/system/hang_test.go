package system_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// With an OpenAI that never answers, the request ends within the client's Prefer: wait,
// and answer and log name the same step and phase.
func TestHangIsNamed(t *testing.T) {
	var mu sync.Mutex
	var log []map[string]any
	s := systemtest.Start(t, system.Options{
		Root: systemtest.Build(t),
		Log: func(l lambda.Line) {
			var m map[string]any
			if json.Unmarshal([]byte(l.Text), &m) == nil && m["message"] != nil {
				mu.Lock()
				defer mu.Unlock()
				log = append(log, m)
			}
		},
	})
	retrieve(t, s.URL, "x", 1) // since a cold start may take longer than the wait below
	if err := s.Network.Host("openai").Set(network.Fault{Name: "wait-silent"}); err != nil {
		t.Fatal(err)
	}
	const wish = 3 * time.Second // half of it is for step embed, during which the log has "operation waiting", after 1 s
	start := time.Now()
	resp := do(t, "POST", s.URL+"/retrieve", `{"query":"x"}`, "Prefer", "wait=3")
	if elapsed := time.Since(start); elapsed > wish+5*time.Second {
		t.Errorf("answered after %v, want about %v", elapsed, wish)
	}
	var p struct {
		Step, Phase string
		Instance    string
		Attempts    []struct{ Phase string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 504 || p.Step != "embed" || p.Phase != "wait" || len(p.Attempts) == 0 {
		t.Errorf("answered %d %+v, want a 504 in step embed, phase wait", resp.StatusCode, p)
	}
	if got := resp.Header.Get("Preference-Applied"); got != "wait=3" {
		t.Errorf("Preference-Applied %q, want wait=3", got)
	}
	mu.Lock()
	defer mu.Unlock()
	count := map[any]int{}
	for _, l := range log {
		if l["operation_id"] != p.Instance {
			continue // of the healthy request
		}
		count[l["message"]]++
		m := l["message"]
		named := l["step"] == "embed" && l["phase"] == "wait"
		if (m == "operation finished" || m == "operation waiting") && !named {
			t.Errorf("the log says %v, the answer step %s, phase %s", l, p.Step, p.Phase)
		}
	}
	if count["operation started"] != 1 || count["operation finished"] != 1 {
		t.Errorf("log lines %v, want one start and one finish", count)
	}
}
