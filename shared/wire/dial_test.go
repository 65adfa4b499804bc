package wire_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// portOf listens on 127.0.0.1 with an HTTP server and says at which port.
func portOf(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

// An address that does not answer is overtaken by the next, and nobody waits
// for its limit.
func TestNextAddress(t *testing.T) {
	tests := []struct {
		name  string
		first func(t *testing.T, port string)
		least time.Duration
	}{
		{"silent", func(t *testing.T, port string) { full(t, "127.0.0.2:"+port) }, 250 * time.Millisecond},
		{"refusing", func(*testing.T, string) {}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			port := portOf(t)
			tt.first(t, port)
			tr := transport(t, wire.Options{Resolver: resolver(t, map[string][][4]byte{"name.test": {{127, 0, 0, 2}, {127, 0, 0, 1}}})})
			got := get(t, tr, "http://name.test:"+port)
			if got.took < tt.least || got.took > 2*time.Second {
				t.Errorf("took %v, want a little more than %v", got.took, tt.least)
			}
			if want := "127.0.0.1:" + port; got.Exchange.Address != want {
				t.Errorf("connected to %s, want %s", got.Exchange.Address, want)
			}
		})
	}
}

func TestDialFailsAtOnce(t *testing.T) {
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	o := wire.Options{Resolver: resolver(t, map[string][][4]byte{"name.test": {{127, 0, 0, 2}, {127, 0, 0, 3}}})}
	_, port, _ := net.SplitHostPort(closed.Addr().String())
	tests := []struct {
		name, url string
		phase     fault.Phase
	}{
		{"refused", "http://" + closed.Addr().String(), fault.PhaseConnect},
		{"refused by all addresses", "http://name.test:" + port, fault.PhaseConnect},
		{"no such name", "http://name.invalid", fault.PhaseDNS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := transport(t, o)
			before := measure(t)
			got := try(t, tr, 1, request(t, t.Context(), tt.url, ""))
			before.gone(t)
			if f := wire.Classify("openai", got.Err); f == nil || f.Kind != fault.Unavailable || got.phase() != tt.phase {
				t.Errorf("%v in phase %s, want unavailable in phase %s", got.Err, got.phase(), tt.phase)
			}
			if got.took > 2*time.Second {
				t.Errorf("took %v", got.took)
			}
		})
	}
}

// What arrives after its context ended is closed.
func TestDialInAnEndedContext(t *testing.T) {
	port := portOf(t)
	tr := transport(t, wire.Options{})
	before := measure(t)
	for range 20 {
		ctx, cancel := withDelayedCancel(t)
		got := try(t, tr, 2, request(t, ctx, "http://127.0.0.1:"+port, ""))
		cancel()
		if got.Err == nil && got.status != http.StatusNotFound {
			t.Errorf("status %d", got.status)
		}
	}
	tr.CloseIdleConnections()
	before.gone(t)
}
