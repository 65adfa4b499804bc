package system_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
	"ragtime/shared/diagnose"
	"ragtime/shared/fault"
)

// callDiagnose calls POST /diagnose, and returns the targets by service.
func callDiagnose(t *testing.T, url string) (ok bool, targets map[string][]diagnose.Target) {
	t.Helper()
	var out struct {
		OK          bool              `json:"ok"`
		Targets     []diagnose.Target `json:"targets"`
		OperationID string            `json:"operation_id"`
	}
	resp := do(t, "POST", url+"/diagnose", "", "Prefer", "wait=2") // so that a hang takes no longer
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != 200 || out.OperationID == "" {
		t.Fatalf("diagnose answered %d %+v, %v", resp.StatusCode, out, err)
	}
	targets = map[string][]diagnose.Target{}
	for _, d := range out.Targets {
		targets[d.Name] = append(targets[d.Name], d)
	}
	return out.OK, targets
}

// Diagnose finds each fault of a service's network in its phase, and finds the other
// services healthy.
func TestDiagnose(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("faults of connects and handshakes need Linux")
	}
	s := systemtest.Start(t, system.Options{Root: systemtest.Build(t), SecretKey: true})
	ok, targets := callDiagnose(t, s.URL)
	if !ok || len(targets) != 4 {
		t.Fatalf("healthy: got ok %v, %+v, want four services, all ok", ok, targets)
	}
	for _, name := range []string{"openai", "chat", "dynamodb", "secretsmanager"} {
		d := targets[name]
		if len(d) != 1 || !d[0].OK || len(d[0].Phases) != 6 || !strings.Contains(d[0].Phases[2].Detail, "TLS 1.3, ") {
			t.Errorf("healthy: got %s %+v, want one open way over TLS", name, d)
		}
	}
	for _, tt := range []struct {
		service, fault string
		phase          fault.Phase
		error          string
	}{
		{"openai", "dns-silent", fault.PhaseDNS, "no answer from the resolver"},
		{"openai", "dns-fails", fault.PhaseDNS, "could not resolve"},
		{"dynamodb", "connect-silent", fault.PhaseConnect, "no TCP connection to 127."},
		{"openai", "connect-refused", fault.PhaseConnect, "nothing listens there"},
		{"secretsmanager", "tls-silent", fault.PhaseTLS, "TLS handshake did not finish"},
		{"openai", "certificate-wrong", fault.PhaseTLS, "not for openai.test"},
		{"openai", "wait-silent", fault.PhaseWait, "no response byte"},
		{"chat", "wait-silent", fault.PhaseWait, "no response byte"},
		{"dynamodb", "reset", fault.PhaseWait, "closed the connection"},
		{"openai", "receive-half", fault.PhaseReceive, "did not end"},
	} {
		t.Run(tt.service+" "+tt.fault, func(t *testing.T) {
			h := s.Network.Host(tt.service)
			if err := h.Set(network.Fault{Name: tt.fault}); err != nil {
				t.Fatal(err)
			}
			defer h.Set()
			ok, targets := callDiagnose(t, s.URL)
			for name, d := range targets {
				if name != tt.service && (len(d) != 1 || !d[0].OK) {
					t.Errorf("%s is healthy, and got %+v", name, d)
				}
			}
			d := targets[tt.service]
			if ok || len(d) != 1 || d[0].OK || d[0].Phase != tt.phase || !strings.Contains(d[0].Error, tt.error) {
				t.Errorf("got ok %v, %+v; want it to end in phase %s with %q", ok, d, tt.phase, tt.error)
			}
		})
	}
	t.Run("one of two addresses silent", func(t *testing.T) {
		h := s.Network.Host("openai")
		if err := h.Set(network.Fault{Name: "connect-first-silent"}); err != nil {
			t.Fatal(err)
		}
		defer h.Set()
		_, targets := callDiagnose(t, s.URL)
		d := targets["openai"]
		if len(d) != 2 || d[0].OK || d[0].Phase != fault.PhaseConnect || !strings.Contains(d[0].Error, d[0].Address) ||
			!d[1].OK || d[0].Address == d[1].Address {
			t.Errorf("got %+v, want the silent address first, and the healthy one open", d)
		}
		if status := call(t, "POST", s.URL+"/retrieve", `{"query":"x"}`, nil); status != 200 {
			t.Errorf("retrieve answered %d, want 200: it passes the silent address by", status)
		}
	})
}
