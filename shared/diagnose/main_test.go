package diagnose_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"ragtime/shared/diagnose"
	"ragtime/shared/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is each phase's in these tests: enough for what is healthy, on a busy machine too.
const limit = time.Second

// options are for servers with httptest's certificate, which is for example.com,
// and a network without a proxy.
func options() diagnose.Options {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	o := diagnose.Options{RootCAs: x509.NewCertPool(), Limits: map[fault.Phase]time.Duration{},
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	o.RootCAs.AddCert(s.Certificate())
	for _, p := range []fault.Phase{fault.PhaseDNS, fault.PhaseConnect, fault.PhaseTLS, fault.PhaseSend, fault.PhaseWait, fault.PhaseReceive} {
		o.Limits[p] = limit
	}
	return o
}

func through(proxy string) func(*http.Request) (*url.URL, error) {
	return func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }
}

func service(t *testing.T, name, raw string) diagnose.Service {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return diagnose.Service{Name: name, Step: fault.StepEmbed, URL: u}
}

// walk walks to one service that has one target.
func walk(t *testing.T, o diagnose.Options, raw string) diagnose.Target {
	t.Helper()
	targets := diagnose.Run(t.Context(), []diagnose.Service{service(t, "one", raw)}, o)
	if len(targets) != 1 {
		t.Fatalf("got %d targets, want 1: %+v", len(targets), targets)
	}
	return targets[0]
}

// phases are the names of a target's.
func phases(d diagnose.Target) string {
	var names []string
	for _, p := range d.Phases {
		names = append(names, string(p.Name))
	}
	return strings.Join(names, " ")
}

// detail is what is told of a phase.
func detail(d diagnose.Target, p fault.Phase) string {
	for _, q := range d.Phases {
		if q.Name == p {
			return q.Detail
		}
	}
	return ""
}

// healthy is a server of TLS that answers 401 to whoever has no credentials.
func healthy(t *testing.T) *httptest.Server {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Authorization", "Proxy-Authorization", "X-Amz-Security-Token"} {
			if r.Header.Get(h) != "" {
				t.Errorf("a credential travels in %s", h)
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte(`{"error":"no key"}`))
	}))
	t.Cleanup(s.Close)
	return s
}

// serve accepts connections, each of which f handles and may leave open: it is
// closed at the end of the test.
func serve(t *testing.T, address string, f func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	over, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(over, func() { c.Close() })
			all.Go(func() {
				f(c)
				<-over.Done()
				if stop() {
					c.Close()
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); end(); all.Wait() })
	return l
}

// behindTLS is f over a TLS connection with httptest's certificate.
func behindTLS(f func(net.Conn)) func(net.Conn) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	config := &tls.Config{Certificates: s.TLS.Certificates}
	return func(c net.Conn) {
		if t := tls.Server(c, config); t.Handshake() == nil {
			f(t)
		}
	}
}

// resolver is a DNS server on UDP that knows these names' addresses. One
// without any is not answered for; of others, that are not there, it says so.
func resolver(t *testing.T, names map[string][]string) string {
	t.Helper()
	l, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		b := make([]byte, 1024)
		for {
			n, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			addresses, known := names[strings.TrimSuffix(q.Name.String(), ".")]
			if known && len(addresses) == 0 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if !known {
				m.RCode = dnsmessage.RCodeNameError
			}
			for _, a := range addresses {
				header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
				switch ip := netip.MustParseAddr(a); {
				case ip.Is4() && q.Type == dnsmessage.TypeA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
				case ip.Is6() && q.Type == dnsmessage.TypeAAAA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
				}
			}
			if out, err := m.Pack(); err == nil {
				l.WriteTo(out, from)
			}
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return l.LocalAddr().String()
}
