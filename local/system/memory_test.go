package system_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// maxMemory is the most memory that a function process may have had at any time, in MiB.
const maxMemory = 300

const (
	wish  = 3 * time.Second         // the clients' Prefer: wait
	slack = 1500 * time.Millisecond // by how much a busy machine may exceed it
)

// peakMemory returns the most memory that a process has had so far, in MiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// withLargeReads answers the operations in on with about size bytes, in one list of
// numbers. announced says whether the answer has a Content-Length.
func withLargeReads(next http.Handler, size int, announced bool, on *sync.Map) http.Handler {
	const number = `,{"N":"1"}`
	body := []byte(`{"Item":{"x":{"L":[{"N":"1"}` + strings.Repeat(number, size/len(number)) + `]}},"Items":[],` +
		`"ConsumedCapacity":{"TableName":"ragtime","CapacityUnits":1}}`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if _, is := on.Load(operation); !is {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if announced {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		io.Copy(w, bytes.NewReader(body))
	})
}

// Whatever the services send, and to however many invocations at once, a function stays
// below maxMemory and answers on time.
func TestMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc tells the memory")
	}
	root := systemtest.Build(t)
	tests := []struct {
		name       string
		perProcess int
		openai     string // a fault
		size       int    // of DynamoDB's answers, in bytes; 0 for real ones
		announced  bool   // the answers have a Content-Length
		ok         bool   // the answers are not too large
	}{
		{"64 MiB of numbers", 16, "huge-numbers", 0, false, false},
		{"a gzip bomb", 4, "gzip-bomb", 0, false, false},
		{"DynamoDB with 62 MB", 1, "", 62_000_000, true, false},
		{"DynamoDB with 62 MB, of unknown length", 16, "", 62_000_000, false, false},
		{"DynamoDB with 8 MB", 1, "", 8_000_000, true, true},
		{"DynamoDB with 8 MB, many at once", 16, "", 8_000_000, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var on sync.Map // the DynamoDB operations with large answers
			o := system.Options{Root: root, PerProcess: tt.perProcess}
			if tt.size > 0 {
				o.WrapDynamoDB = func(next http.Handler) http.Handler {
					return withLargeReads(next, tt.size, tt.announced, &on)
				}
			}
			s := systemtest.Start(t, o)
			if status := put(t, s.URL, "doc", "The vault opens at noon."); status != 200 {
				t.Fatalf("put answered %d", status)
			}
			if tt.openai != "" {
				if err := s.Network.Host("openai").Set(network.Fault{Name: tt.openai}); err != nil {
					t.Fatal(err)
				}
			}
			if tt.size > 0 {
				on.Store("GetItem", true)
			}
			var all sync.WaitGroup
			for range tt.perProcess {
				all.Go(func() {
					req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/documents/doc", nil)
					if tt.openai != "" {
						req, _ = http.NewRequestWithContext(t.Context(), "POST", s.URL+"/retrieve", strings.NewReader(`{"query":"vault"}`))
						req.Header.Set("Content-Type", "application/json")
					}
					req.Header.Set("Prefer", fmt.Sprintf("wait=%.0f", wish.Seconds()))
					start := time.Now()
					resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					answer, _ := io.ReadAll(resp.Body)
					if took := time.Since(start); took > wish+slack {
						t.Errorf("answered after %v, want %v at the most", took, wish)
					}
					want := 502
					if tt.ok {
						want = 404 // the item is no document
					}
					// Of many invocations, some may wait for others until their time is over.
					if resp.StatusCode != want && !(tt.perProcess > 1 && resp.StatusCode == 504) {
						t.Errorf("answered %d %s, want %d", resp.StatusCode, answer, want)
					}
				})
			}
			all.Wait()
			for _, e := range s.Lambda.Environments("retrieve") {
				if mb := peakMemory(t, e.PID); mb > maxMemory {
					t.Errorf("a process had %d MiB, want at most %d", mb, maxMemory)
				} else {
					t.Logf("%d MiB at the most", mb)
				}
			}
		})
	}
}
