package wire_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// silent accepts connections and answers as answer says, then waits for the end of the test.
func silent(t *testing.T, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			if answer == "" {
				continue
			}
			// An answer before the request would be an unsolicited one.
			if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				return
			}
			io.WriteString(c, answer)
		}
	}()
	return l.Addr().String()
}

// A call that its context cuts is in the phase where the server went silent.
func TestNamesThePhaseOfAHang(t *testing.T) {
	tests := []struct {
		name, scheme, answer string
		want                 fault.Phase
	}{
		{"handshake", "https", "", fault.PhaseTLS},
		{"no response byte", "http", "", fault.PhaseWait},
		{"body", "http", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", fault.PhaseReceive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := wire.New()
			defer tr.CloseIdleConnections()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			ctx, record := evidence.With(ctx)
			ctx, _ = evidence.Enter(ctx, fault.StepEmbed)
			ctx, a := evidence.NewAttempt(ctx, 1)
			req, _ := http.NewRequestWithContext(ctx, "GET", tt.scheme+"://"+silent(t, tt.answer)+"/", nil)
			resp, err := tr.RoundTrip(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if err == nil {
				t.Fatal("the call succeeded, want its deadline")
			}
			if got := record.Position().Phase; got != tt.want {
				t.Errorf("phase %q, want %q", got, tt.want)
			}
			if got := a.End(err); got.Phase != tt.want || got.Connection == "reused" {
				t.Errorf("attempt %+v, want phase %s over a new connection", got, tt.want)
			}
		})
	}
}

func TestReusesAHealthyConnection(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	defer s.Close()
	tr := wire.New()
	defer tr.CloseIdleConnections()
	want := []string{"new", "reused"}
	for i, want := range want {
		ctx, a := evidence.NewAttempt(t.Context(), i+1)
		req, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/1.1" {
			t.Errorf("spoke %s, want HTTP/1.1", body)
		}
		resp.Body.Close()
		if got := a.End(nil).Connection; got != want {
			t.Errorf("attempt %d rode a %s connection, want %s", i+1, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	get := func(url string) error {
		tr := wire.New()
		defer tr.CloseIdleConnections()
		req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		resp, err := tr.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	closed.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	untrusted.Config.ErrorLog = nil
	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangsUp.Close()
	tests := []struct {
		name, url string
		want      fault.Kind
	}{
		{"refused", "http://" + closed.Addr().String(), fault.Unavailable},
		{"unknown name", "http://name.invalid", fault.Unavailable},
		{"certificate", untrusted.URL, fault.Upstream},
		{"hangs up", hangsUp.URL, fault.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := get(tt.url)
			if got := wire.Classify("openai", err); got == nil || got.Kind != tt.want {
				t.Errorf("Classify(%v) = %v, want %v", err, got, tt.want)
			}
		})
	}
}
