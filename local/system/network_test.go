package system_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// ControlPath sets faults at the API's own port. Other paths are the gateway's.
func TestControl(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t)})
	faults := s.URL + system.ControlPath
	var all struct {
		Services map[string]struct{ URL string }
	}
	if status := call(t, "GET", faults, "", &all); status != 200 || len(all.Services) != 4 {
		t.Errorf("GET answered %d %v, want four services", status, all)
	}
	if status := call(t, "PUT", faults+"/openai", `{"fault":"unauthorized"}`, nil); status != 200 {
		t.Fatalf("PUT answered %d", status)
	}
	if status := put(t, s.URL, "doc", "The vault opens at noon."); status != 502 {
		t.Errorf("with the key refused, put answered %d, want 502", status)
	}
	if status := call(t, "DELETE", faults+"/openai", "", nil); status != 200 {
		t.Fatalf("DELETE answered %d", status)
	}
	if status := put(t, s.URL, "doc", "The vault opens at noon."); status != 200 {
		t.Errorf("healed, put answered %d", status)
	}
	if status := call(t, "GET", faults+"-not", "", nil); status == 200 {
		t.Error("a path that only begins as the control's is the control's")
	}
}

// When the first try of each service fails, requests succeed all the same.
func TestFirstTryFails(t *testing.T) {
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), SecretKey: true})
	for service, fault := range map[string]string{
		"openai":         "server-error",
		"dynamodb":       "throttled",
		"secretsmanager": "reset",
	} {
		if err := s.Network.Host(service).Set(network.Fault{Name: fault, Times: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if status := put(t, s.URL, "doc", "The vault opens at noon."); status != 200 {
		t.Errorf("put answered %d", status)
	}
	for _, service := range []string{"openai", "dynamodb", "secretsmanager"} {
		if n := s.Network.Host(service).Counts().Requests; n < 2 {
			t.Errorf("%s got %d requests, want the failed one and another", service, n)
		}
	}
	if e := s.Lambda.Environments("embed"); len(e) != 1 {
		t.Errorf("%d environments served, want 1", len(e))
	}
}

// The functions trust the CA of the network and that of a real OpenAI. Close removes the
// file with both.
func TestTrust(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the functions are not told of a CA on this system")
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var asked atomic.Value
	real := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusTeapot)
	}))
	defer real.Close()
	certFile := filepath.Join(t.TempDir(), "ca.pem")
	os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: real.Certificate().Raw}), 0o600)
	root := systemtest.Build(t)
	s, err := system.Start(system.Options{Root: root, OpenAIKey: "sk-1", OpenAIBaseURL: real.URL, CertFile: certFile})
	if err != nil {
		t.Fatal(err)
	}
	if s.Network.Host("openai") != nil {
		t.Error("a stand-in is served beside the real OpenAI")
	}
	if status := put(t, s.URL, "doc", "The vault opens at noon."); status != 502 {
		t.Errorf("put answered %d, want 502", status)
	}
	if got := asked.Load(); got != "Bearer sk-1" {
		t.Errorf("OpenAI was asked with %v, want the key", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "ragtime-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
