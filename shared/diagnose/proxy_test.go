package diagnose_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ragtime/shared/fault"
)

// proxy connects with the address to, whatever host a request names. If to is empty it does
// not answer. It requires a password.
func proxy(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); user != "user" ||
			password != "secret" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			io.WriteString(w, "the proxy, of "+r.URL.String())
			return
		}
		if to == "" {
			<-r.Context().Done()
			return
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in, _, _ := w.(http.Hijacker).Hijack()
		io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		for _, c := range [][2]net.Conn{{in, out}, {out, in}} {
			both.Go(func() { io.Copy(c[0], c[1]); c[0].Close() })
		}
		both.Wait()
	}
}

func TestProxy(t *testing.T) {
	s := healthyServer(t)
	closed := serve(t, "127.0.0.1:0", func(net.Conn) {})
	closed.Close()
	tests := []struct {
		name, url string
		overTLS   bool
		to        string
		user      string
		phase     fault.Phase // "" if the way is open
		tells     string      // in connect's or tls's detail, or the error
	}{
		{"tunnel", "https://example.com/v1", false, s.Listener.Addr().String(), "user:secret@", "", "connected with example.com:443 by the proxy"},
		{"tunnel over TLS", "https://example.com/v1", true, s.Listener.Addr().String(), "user:secret@", "", "connected with example.com:443 by the proxy"},
		{"plain", "http://example.com/v1", false, "", "user:secret@", "", ""},
		{"plain over TLS", "http://example.com/v1", true, "", "user:secret@", "", "with the proxy: TLS 1.3"},
		{"silent", "https://example.com/v1", false, "", "user:secret@", fault.PhaseConnect, "took the connection, and did not connect with example.com:443"},
		{"silent over TLS", "https://example.com/v1", true, "", "user:secret@", fault.PhaseTLS, "did not finish"},
		{"without a password", "https://example.com/v1", false, "", "", fault.PhaseConnect, "status 407"},
		{"cannot connect", "https://example.com/v1", false, closed.Addr().String(), "user:secret@", fault.PhaseConnect, "status 502"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := httptest.NewUnstartedServer(proxy(tt.to))
			start := p.Start
			if tt.overTLS {
				start = p.StartTLS
			}
			start()
			defer p.Close()
			scheme, host, _ := strings.Cut(p.URL, "://")
			o := options()
			o.Proxy = throughProxy(scheme + "://" + tt.user + host)
			got := runOne(t, o, tt.url)
			if got.Proxy != p.URL || got.Address != host || got.OK != (tt.phase == "") || got.Phase != tt.phase {
				t.Errorf("got %+v, want it to end in phase %q, by the proxy %s", got, tt.phase, p.URL)
			}
			if told := detail(got, fault.PhaseConnect) + detail(got, fault.PhaseTLS) + got.Error; !strings.Contains(told, tt.tells) {
				t.Errorf("got %q, want it to tell %q", told, tt.tells)
			}
			if b, _ := json.Marshal(got); strings.Contains(string(b), "secret") {
				t.Errorf("the proxy's password is told: %s", b)
			}
		})
	}
}
