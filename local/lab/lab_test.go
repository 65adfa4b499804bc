package lab_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ragtime/local/lab"
	"ragtime/local/system/systemtest"
	"ragtime/local/xray/xraytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(systemtest.Clean)) }

// Every fault against real function processes: the answer comes in time, with
// the right status and problem, the true step and phase, and leaves nothing open.
// Scenarios that measure latencies are left to `ragtime lab`.
func TestFaults(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: the lab needs Linux")
	}
	var mu sync.Mutex
	var documents []json.RawMessage
	rows, err := lab.Run(t.Context(), lab.Options{
		Root:       systemtest.Build(t),
		Parallel:   10,
		Slack:      3 * time.Second,
		Unmeasured: true,
		Documents: func(scenario string, ds []json.RawMessage) {
			mu.Lock()
			defer mu.Unlock()
			documents = append(documents, ds...)
			for _, d := range ds {
				if err := xraytest.Validate(d); err != nil {
					t.Errorf("%s: a document breaks X-Ray's schema: %v\n%s", scenario, err, d)
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(documents) < len(rows) {
		t.Errorf("%d documents of %d scenarios", len(documents), len(rows))
	}
	sendToXRay(t, documents)
	var failed []lab.Row
	for _, r := range rows {
		if r.Verdict != "" {
			failed = append(failed, r)
		}
	}
	var table strings.Builder
	if len(failed) > 0 {
		lab.Write(&table, failed)
		t.Errorf("%d of %d scenarios did not hold:\n%s", len(failed), len(rows), table.String())
	}
}

// sendToXRay sends the documents to an X-Ray that is not this project's, if there is one.
func sendToXRay(t *testing.T, documents []json.RawMessage) {
	url := os.Getenv("RAGTIME_TEST_XRAY_URL")
	if url == "" {
		t.Log("skipped: RAGTIME_TEST_XRAY_URL names no X-Ray endpoint to send the documents to")
		return
	}
	for some := range slices.Chunk(documents, 50) { // X-Ray takes no more at once
		var texts []string
		for _, d := range some {
			texts = append(texts, string(d))
		}
		body, _ := json.Marshal(map[string]any{"TraceSegmentDocuments": texts})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/TraceSegments", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		// moto reads the service from the credential's scope, and checks no signature.
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=any/20261124/us-east-1/xray/aws4_request, SignedHeaders=host, Signature=00")
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var said struct{ UnprocessedTraceSegments []any }
		if json.Unmarshal(got, &said) != nil || resp.StatusCode != http.StatusOK || len(said.UnprocessedTraceSegments) > 0 {
			t.Fatalf("answered %d to %d documents: %s", resp.StatusCode, len(some), got)
		}
	}
}

// Scenario names are unique, and begin with function and service.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range lab.Scenarios() {
		if seen[s.Name] || !strings.HasPrefix(s.Name, s.Function+" "+s.Service+" ") || len(s.Faults) == 0 {
			t.Errorf("scenario %q of %s and %s with faults %v, twice: %t", s.Name, s.Function, s.Service, s.Faults, seen[s.Name])
		}
		seen[s.Name] = true
	}
}
