package wire_test

import (
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

func TestEvidence(t *testing.T) {
	var address string
	url := secure(t, func(w http.ResponseWriter, r *http.Request) {
		address = r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
		w.Header().Set("X-Amzn-Requestid", "id")
		w.WriteHeader(http.StatusTeapot)
		io.Copy(w, r.Body)
	})
	r := request(t, t.Context(), url+"/a%20b?secret=1", "hello")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	got := try(t, transport(t, wire.Options{}), 1, r)
	want := evidence.Exchange{Method: "POST", URL: url + "/a%20b", Target: "DynamoDB_20120810.GetItem",
		Address: address, Status: http.StatusTeapot, RequestID: "id", Bytes: 5}
	if diff := cmp.Diff(want, got.Exchange); diff != "" {
		t.Errorf("exchange (-want +got):\n%s", diff)
	}
	var phases []fault.Phase
	for _, p := range got.Phases {
		phases = append(phases, p.Name)
	}
	all := []fault.Phase{fault.PhaseBlocked, fault.PhaseConnect, fault.PhaseTLS, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive}
	if diff := cmp.Diff(all, phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

// Compressed answers are read as what they hold, and limited by it.
func TestGzip(t *testing.T) {
	url := secure(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", r.Header.Get("Accept-Encoding"))
		z := gzip.NewWriter(w)
		defer z.Close()
		io.WriteString(z, strings.Repeat("x", int(r.ContentLength)<<10))
	})
	tr := transport(t, wire.Options{Limits: wire.Limits{Body: 1 << 20}})
	for i, want := range []string{"new", "reused"} {
		got := try(t, tr, 1, request(t, t.Context(), url, strings.Repeat("x", 1024)))
		if got.Err != nil || got.body != strings.Repeat("x", 1<<20) || got.Connection != want {
			t.Errorf("call %d: %d bytes over a %s connection, %v; want 1 MiB over a %s one", i, len(got.body), got.Connection, got.Err, want)
		}
	}
	if got := try(t, tr, 1, request(t, t.Context(), url, strings.Repeat("x", 1025))); kind(got.Err) != fault.Upstream {
		t.Errorf("a byte more than the limit: %v, want an upstream fault", got.Err)
	}
}

// The AWS SDK sends empty bodies, and closes bodies before they are written.
func TestRequestBodies(t *testing.T) {
	url := secure(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			t.Error("the length is not said")
		}
		io.Copy(w, r.Body)
	})
	tr := transport(t, wire.Options{})
	for _, body := range []string{"", "hello"} {
		b := &closer{Reader: strings.NewReader(body)}
		r := request(t, t.Context(), url, "")
		r.Method, r.Body, r.ContentLength = "POST", b, int64(len(body))
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != body || !b.closed {
			t.Errorf("sent %q: %q, %v, closed %t", body, got, err, b.closed)
		}
		if resp.Request != r {
			t.Error("the response names another request")
		}
	}
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

// quiet is a TLS server that does not tell of failed handshakes.
func quiet(t *testing.T, c *tls.Config) string {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = c
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// selfSigned is a certificate for 127.0.0.1 that nobody trusts.
func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestClassify(t *testing.T) {
	good := quiet(t, nil)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(good, "https://"))
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	tests := []struct {
		name, url, detail string
		want              fault.Kind
	}{
		{"unknown issuer", quiet(t, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}), "certificate", fault.Upstream},
		{"another's certificate", "https://name.test:" + port, "certificate", fault.Upstream},
		{"TLS 1.1", quiet(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), "refuses TLS", fault.Unavailable},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), "does not speak TLS", fault.Upstream},
		{"hangs up in the handshake", "https://" + serve(t, func(c net.Conn) { c.Close() }).Addr().String(), "broke", fault.Unavailable},
		{"hangs up in the body", "http://" + serve(t, func(c net.Conn) {
			answers("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")(c)
			c.Close()
		}).Addr().String(), "broke", fault.Unavailable},
		{"switches protocols", "http://" + serve(t, answers("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n")).Addr().String(), "status 101", fault.Upstream},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := transport(t, wire.Options{Resolver: resolver(t, map[string][][4]byte{"name.test": {{127, 0, 0, 1}}})})
			err := try(t, tr, 1, request(t, t.Context(), tt.url, "")).Err
			if got := wire.Classify("openai", err); got == nil || got.Kind != tt.want || !strings.Contains(got.Detail, tt.detail) {
				t.Errorf("Classify(%v) = %v; want %v, %q", err, got, tt.want, tt.detail)
			}
		})
	}
	t.Run("not the network", func(t *testing.T) {
		s := serve(t, answers("no HTTP\r\n\r\n"))
		err := try(t, transport(t, wire.Options{}), 1, request(t, t.Context(), "http://"+s.Addr().String(), "")).Err
		if got := wire.Classify("openai", err); err == nil || got != nil {
			t.Errorf("Classify(%v) = %v, want nil", err, got)
		}
	})
}
