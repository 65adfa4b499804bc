package wire_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// behind is the address of the server that the proxy connects example.com to.
var behind atomic.Value

// newProxy starts the proxy of the environment. It answers requests for http
// itself.
func newProxy() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch host, _, _ := strings.Cut(r.Host, ":"); {
		case r.Method != http.MethodConnect:
			io.WriteString(w, "the proxy on "+r.URL.String())
		case host == "silent.example":
			<-r.Context().Done()
		case host == "refused.example":
			w.WriteHeader(http.StatusProxyAuthRequired)
		case host == "broken.example":
			w.WriteHeader(http.StatusBadGateway)
		default:
			tunnel(w, behind.Load().(string))
		}
	}))
}

func tunnel(w http.ResponseWriter, to string) {
	out, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	in, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		out.Close()
		return
	}
	io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			io.Copy(way[0], way[1])
			way[0].Close()
		})
	}
	both.Wait()
}

func TestProxy(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the server for "+r.Host) }))
	defer s.Close()
	behind.Store(s.Listener.Addr().String())
	for url, want := range map[string]string{
		"http://example.com/a":  "the proxy on http://example.com/a",
		"https://example.com/a": "the server for example.com",
	} {
		tr := transport(t, wire.Options{})
		before := measure(t)
		for i, connection := range []string{"new", "reused"} {
			got := get(t, tr, url)
			if got.body != want || got.Connection != connection {
				t.Errorf("%s, call %d: %q over a %s connection, want %q over a %s one", url, i, got.body, got.Connection, want, connection)
			}
			if a := got.Exchange.Address; a == "" || a == s.Listener.Addr().String() {
				t.Errorf("connected to %q, want the proxy's address", a)
			}
		}
		tr.CloseIdleConnections()
		before.gone(t)
	}
}

func TestProxyThatDoesNotConnect(t *testing.T) {
	for url, want := range map[string]fault.Kind{"https://refused.example": fault.Upstream, "https://broken.example": fault.Unavailable} {
		got := try(t, transport(t, wire.Options{}), 1, request(t, t.Context(), url, ""))
		if kind(got.Err) != want || !strings.Contains(got.Err.Error(), "proxy") {
			t.Errorf("%s: %v, want a fault of kind %v that blames the proxy", url, got.Err, want)
		}
	}
}
