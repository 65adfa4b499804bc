package wire_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ragtime/shared/wire"
)

// An interim answer is not the answer: what follows may take longer than the
// silence that is allowed within an answer.
func TestInterimAnswer(t *testing.T) {
	const silence = 200 * time.Millisecond
	s := serve(t, func(c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n")
		time.Sleep(3 * silence)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	tr := transport(t, wire.Options{Limits: wire.Limits{Receive: silence}})
	if got := get(t, tr, "http://"+s.Addr().String()); got.body != "ok" {
		t.Errorf("got %d %q, want the answer after the interim one", got.status, got.body)
	}
}

// A new connection to a host that was there before resumes its TLS session.
func TestSessionsAreResumed(t *testing.T) {
	var resumed []bool
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		resumed = append(resumed, r.TLS.DidResume)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.StartTLS()
	t.Cleanup(s.Close)
	tr := transport(t, wire.Options{})
	for range 2 {
		get(t, tr, s.URL)
		tr.CloseIdleConnections()
	}
	if len(resumed) != 2 || resumed[0] || !resumed[1] {
		t.Errorf("resumed: %v, want the second connection alone", resumed)
	}
}
