package diagnose_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"ragtime/shared/diagnose"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

func TestOpenWay(t *testing.T) {
	s := healthyServer(t)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	o := options()
	o.Resolver = resolver(t, map[string][]string{"example.com": {"127.0.0.1"}})
	got := runOne(t, o, "https://user:secret@example.com:"+port+"/v1/models")
	if !got.OK ||
		got.Error != "" ||
		got.Phase != "" ||
		got.Host != "example.com:"+port ||
		got.Address != "127.0.0.1:"+port {
		t.Errorf("got %+v, want an open way to 127.0.0.1:%s", got, port)
	}
	if want := "dns connect tls send wait receive"; phases(got) != want {
		t.Errorf("got phases %s, want %s", phases(got), want)
	}
	for p, want := range map[fault.Phase][]string{
		fault.PhaseDNS:     {"example.com: 127.0.0.1:" + port, o.Resolver},
		fault.PhaseConnect: {"to 127.0.0.1:" + port},
		fault.PhaseTLS:     {"TLS 1.3", "ALPN http/1.1", `for "example.com`, "to 2084-01-29"},
		fault.PhaseSend:    {"GET /v1/models"},
		fault.PhaseReceive: {"401 Unauthorized, application/json, 18 bytes"},
	} {
		for _, w := range want {
			if !strings.Contains(detail(got, p), w) {
				t.Errorf("%s: got %q, want it to tell %q", p, detail(got, p), w)
			}
		}
	}
	var sum float64
	for _, p := range got.Phases {
		sum += p.MS
	}
	if got.MS == 0 || got.MS < sum-1 || got.MS > sum+1 {
		t.Errorf("got %.1f ms, want the phases' sum, %.1f ms", got.MS, sum)
	}
	if b, _ := json.Marshal(got); strings.Contains(string(b), "secret") {
		t.Errorf("the URL's password is told: %s", b)
	}
}

// For each kind of hang and of failure, the target names the phase and a cause. Other targets
// are reached meanwhile.
func TestEveryPhase(t *testing.T) {
	read := func(c net.Conn) { c.Read(make([]byte, 4<<10)) }
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) { read(c); io.WriteString(c, text) }
	}
	tests := []struct {
		name  string
		serve func(net.Conn)
		phase fault.Phase
		error string
	}{
		{"silent in the handshake", func(net.Conn) {}, fault.PhaseTLS, "handshake did not finish within "},
		{"closes in the handshake", func(c net.Conn) { read(c); c.Close() }, fault.PhaseTLS, "filters by server name"},
		{"no TLS", says("HTTP/1.1 400 Bad Request\r\n\r\n"), fault.PhaseTLS, "does not speak TLS"},
		{"silent to the request", behindTLS(read), fault.PhaseWait, "no response byte came within "},
		{"closes before the response", behindTLS(func(c net.Conn) { read(c); c.Close() }), fault.PhaseWait, "closed the connection"},
		{"header only", behindTLS(says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")), fault.PhaseReceive, "did not end within "},
		{"half a header", behindTLS(says("HTTP/1.1 200 OK\r\nConte")), fault.PhaseReceive, "did not end within "},
		{"breaks off", behindTLS(func(c net.Conn) { says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")(c); c.Close() }), fault.PhaseReceive, "before the response was whole"},
		{"no HTTP", behindTLS(says("220 mail.example.com ESMTP\r\n")), fault.PhaseReceive, "not HTTP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, record := evidence.With(t.Context())
			l := serve(t, "127.0.0.1:0", tt.serve)
			services := []diagnose.Service{service(t, "good", healthyServer(t).URL), service(t, "bad", "https://"+l.Addr().String())}
			services[1].Step = fault.StepSearch
			got := diagnose.Run(ctx, services, options())
			if len(got) != 2 || got[0].Name != "bad" || got[0].OK || !got[1].OK {
				t.Fatalf("got %+v, want the bad one first, and the good one open", got)
			}
			bad := got[0]
			if bad.Phase != tt.phase ||
				bad.Phases[len(bad.Phases)-1].Name != tt.phase ||
				!strings.Contains(bad.Error, tt.error) ||
				!strings.Contains(bad.Error, l.Addr().String()) {
				t.Errorf("ended in %q (of %s) with %q; want phase %s, an error that tells %q and the address", bad.Phase, phases(bad), bad.Error, tt.phase, tt.error)
			}
			for _, s := range record.Snapshot().Steps {
				a := s.Attempts[0]
				if last := a.Phases[len(a.Phases)-1].Name; s.Name == fault.StepSearch && (last != tt.phase || fault.From(s.Err).Phase != tt.phase) ||
					s.Name == fault.StepEmbed && s.Err != nil {
					t.Errorf("the record has step %s end in %s with %v", s.Name, last, s.Err)
				}
			}
		})
	}
}

func TestCertificate(t *testing.T) {
	s := healthyServer(t)
	o := options()
	got := runOne(t, o, strings.Replace(s.URL, "127.0.0.1", "127.0.0.2", 1))
	if runtime.GOOS == "linux" { // elsewhere there is no 127.0.0.2
		if got.Phase != fault.PhaseConnect || !strings.Contains(got.Error, "nothing listens there") {
			t.Errorf("a closed port: ended in %s with %q", got.Phase, got.Error)
		}
	}
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	o.Resolver = resolver(t, map[string][]string{"other.test": {"127.0.0.1"}})
	got = runOne(t, o, "https://other.test:"+port)
	if got.Phase != fault.PhaseTLS ||
		!strings.Contains(got.Error, "not for other.test") ||
		!strings.Contains(detail(got, fault.PhaseTLS), "example.com") {
		t.Errorf("another name: ended in %s with %q, %q; want the wrong certificate told", got.Phase, got.Error, detail(got, fault.PhaseTLS))
	}
	o.RootCAs = nil
	if got = runOne(t, o, s.URL); got.Phase != fault.PhaseTLS || !strings.Contains(got.Error, "not trusted") {
		t.Errorf("unknown authority: ended in %s with %q", got.Phase, got.Error)
	}
}

// Each address of a name is a target.
func TestAddresses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no 127.0.0.2 on this system")
	}
	s := healthyServer(t)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	serve(t, "127.0.0.2:"+port, func(net.Conn) {})
	o := options()
	o.Resolver = resolver(t, map[string][]string{"example.com": {"127.0.0.1", "127.0.0.2", "127.0.0.3"}})
	got := diagnose.Run(t.Context(), []diagnose.Service{service(t, "one", "https://example.com:"+port)}, o)
	if len(got) != 3 {
		t.Fatalf("got %+v, want three targets", got)
	}
	for i, want := range []struct {
		address string
		phase   fault.Phase
	}{{"127.0.0.2:" + port, fault.PhaseTLS}, {"127.0.0.3:" + port, fault.PhaseConnect}, {"127.0.0.1:" + port, ""}} {
		if got[i].Address != want.address ||
			got[i].Phase != want.phase ||
			got[i].OK != (want.phase == "") ||
			got[i].Phases[0].Name != fault.PhaseDNS {
			t.Errorf("target %d: got %+v, want %s end in phase %q", i, got[i], want.address, want.phase)
		}
	}
}

// An address without a route, as IPv6 addresses often are, is left out, since requests would
// not use it. Where there is no other address it is probed.
func TestAddressWithoutRoute(t *testing.T) {
	const ip = "2001:db8::1"
	if c, err := net.Dial("udp", net.JoinHostPort(ip, "443")); err == nil {
		c.Close()
		t.Skip("this machine has a route to " + ip)
	}
	s := healthyServer(t)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	o := options()
	o.Resolver = resolver(t, map[string][]string{"example.com": {ip, "127.0.0.1"}, "only.test": {ip}})
	if got := runOne(t, o, "https://example.com:"+port); !got.OK ||
		!strings.Contains(detail(got, fault.PhaseDNS), "left out, without a route or beyond 16: "+ip) {
		t.Errorf("got %+v, want the other address open, and this one left out", got)
	}
	if got := runOne(t, o, "https://only.test:"+port); got.Phase != fault.PhaseConnect ||
		!strings.Contains(got.Error, "no route to ["+ip+"]") {
		t.Errorf("got %+v, want it to say that there is no route", got)
	}
}

func TestNames(t *testing.T) {
	o := options()
	o.Resolver = resolver(t, map[string][]string{"silent.test": nil})
	for host, want := range map[string]string{
		"silent.test":  "no answer from the resolver " + o.Resolver + " within ",
		"missing.test": "the name missing.test has no address, says the resolver " + o.Resolver,
	} {
		got := runOne(t, o, "https://"+host)
		if got.Phase != fault.PhaseDNS ||
			phases(got) != "dns" ||
			got.Address != "" ||
			!strings.Contains(got.Error, want) {
			t.Errorf("%s: got %+v, want it to end in dns with %q", host, got, want)
		}
	}
}

// A hang leaves time for the answer, even if the phase's limit is longer than the time left.
func TestDeadline(t *testing.T) {
	o := options()
	o.Limits = nil
	l := serve(t, "127.0.0.1:0", func(net.Conn) {})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	got := diagnose.Run(ctx, []diagnose.Service{service(t, "silent", "https://"+l.Addr().String())}, o)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the walk took %v, want less than the second there was", took)
	}
	if len(got) != 1 || got[0].Phase != fault.PhaseTLS || got[0].MS > 2000 {
		t.Errorf("got %+v, want a hang in tls, for less than the second there was", got)
	}
	cancel()
	got = diagnose.Run(ctx, []diagnose.Service{service(t, "late", "https://"+l.Addr().String())}, o)
	if len(got) != 1 || got[0].OK || got[0].Error == "" || got[0].Phases == nil {
		t.Errorf("without time: got %+v, want a target that says so", got)
	}
}

// The probe ends, however much a server answers.
func TestEndlessAnswer(t *testing.T) {
	l := serve(t, "127.0.0.1:0", behindTLS(func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 \x1b[31mOK\r\nContent-Type: text/html (\r\nTransfer-Encoding: chunked\r\n\r\n")
		for err := error(nil); err == nil; {
			_, err = io.WriteString(c, "400\r\n"+strings.Repeat("x", 1024)+"\r\n")
		}
	}))
	got := runOne(t, options(), "https://"+l.Addr().String())
	if want := "200 OK, no media type, 65536 bytes"; !got.OK || detail(got, fault.PhaseReceive) != want {
		t.Errorf("got %+v, want ok and %q", got, want)
	}
}

func TestBadProxy(t *testing.T) {
	o := options()
	o.Proxy = throughProxy("socks5://127.0.0.1:1080")
	if got := runOne(t, o, "https://example.com"); got.OK || !strings.Contains(got.Error, "kind socks5") {
		t.Errorf("got %+v, want it to say that it cannot walk there", got)
	}
	o.Proxy = throughProxy("http://user:secret@:x")
	if got := runOne(t, o, "https://example.com"); got.OK ||
		!strings.Contains(got.Error, "not a URL") ||
		strings.Contains(got.Error, "secret") {
		t.Errorf("got %+v, want it to say what is wrong without the password", got)
	}
}
