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

// limit is the limit of each phase in these tests. A healthy phase is faster, even on a busy
// machine.
const limit = time.Second

// options trust httptest's certificate, which is for example.com, and use no proxy.
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

func throughProxy(proxy string) func(*http.Request) (*url.URL, error) {
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

// runOne probes one service, which must have one target.
func runOne(t *testing.T, o diagnose.Options, raw string) diagnose.Target {
	t.Helper()
	targets := diagnose.Run(t.Context(), []diagnose.Service{service(t, "one", raw)}, o)
	if len(targets) != 1 {
		t.Fatalf("got %d targets, want 1: %+v", len(targets), targets)
	}
	return targets[0]
}

// phases lists the names of a target's phases.
func phases(d diagnose.Target) string {
	var names []string
	for _, p := range d.Phases {
		names = append(names, string(p.Name))
	}
	return strings.Join(names, " ")
}

// detail is the detail of a target's phase.
func detail(d diagnose.Target, p fault.Phase) string {
	for _, q := range d.Phases {
		if q.Name == p {
			return q.Detail
		}
	}
	return ""
}

// healthyServer is a TLS server that answers 401.
func healthyServer(t *testing.T) *httptest.Server {
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

// serve accepts connections, which f handles. Those that f leaves open are closed at the end
// of the test.
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

// behindTLS calls f with a TLS connection that has httptest's certificate.
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

// resolver is a DNS server on UDP that knows the addresses of these names. For a name without
// addresses it does not answer. Other names do not exist.
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
