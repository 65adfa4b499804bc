package wire_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// What is no trouble of the network is not told as such, and another attempt, which
// would meet it too, is not worth making. What is, is.
func TestClassifyByWhatIsKnown(t *testing.T) {
	say := func(what string) func(net.Conn) {
		return func(c net.Conn) {
			b := make([]byte, 4096)
			c.Read(b)
			c.Write([]byte(what))
			c.Read(b) // until the client hangs up
		}
	}
	for _, tt := range []struct {
		name   string
		answer string // "" hangs up without one
		key    string
		want   fault.Kind
	}{
		{"a key with a line break", "HTTP/1.1 204 No Content\r\n\r\n", "sk-\nkey", fault.Upstream},
		{"a status that is no number", "HTTP/1.1 abc OK\r\n\r\n", "key", fault.Upstream},
		{"a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "key", fault.Upstream},
		{"no HTTP at all", "220 mail.example.org ESMTP\r\n", "key", fault.Upstream},
		{"headers without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "key", fault.Upstream},
		{"hung up", "", "key", fault.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, say(tt.answer))
			if tt.answer == "" {
				s = serve(t, func(c net.Conn) { c.Read(make([]byte, 4096)); c.Close() })
			}
			tr := transport(t, wire.Options{})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			r := request(t, ctx, "http://"+s.Addr().String(), "")
			r.Header.Set("Authorization", "Bearer "+tt.key)
			resp, err := (&http.Client{Transport: tr}).Do(r)
			if err == nil {
				resp.Body.Close()
			}
			f := wire.Classify("openai", err)
			if f == nil || f.Kind != tt.want {
				t.Errorf("%v is %v, want %v", err, f, tt.want)
			}
		})
	}
}

// A resolver that says nothing is a hang, one that says no is none.
func TestSilentResolverIsATimeout(t *testing.T) {
	for kind, err := range map[fault.Kind]*net.DNSError{
		fault.Timeout:     {Err: "i/o timeout", Name: "example.com", IsTimeout: true, IsTemporary: true},
		fault.Unavailable: {Err: "server misbehaving", Name: "example.com", IsTemporary: true},
	} {
		if f := wire.Classify("openai", err); f.Kind != kind {
			t.Errorf("%v is %v: %s, want %v", err, f.Kind, f.Detail, kind)
		}
	}
}
