package wire_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ragtime/shared/wire"
)

// stuck accepts connections at an address, and does with them what an attempt may
// be stuck on.
func stuck(t *testing.T, address string, with func(net.Conn)) {
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Skipf("this system has no address like %s: %v", address, err)
	}
	var mu sync.Mutex
	var all []net.Conn
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range all {
			c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			with(c)
			mu.Lock()
			all = append(all, c)
			mu.Unlock()
		}
	}()
}

// Of a name with two addresses, one that takes connections and then hangs, or
// hangs up, gets one attempt: the next one goes to the other address, and so do
// later calls.
func TestOtherAddress(t *testing.T) {
	for name, with := range map[string]func(net.Conn){
		"silent":   func(net.Conn) {},
		"hangs up": func(c net.Conn) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			port := portOf(t)
			stuck(t, "127.0.0.2:"+port, with)
			tr := transport(t, wire.Options{Resolver: resolver(t, map[string][][4]byte{"name.test": {{127, 0, 0, 2}, {127, 0, 0, 1}}})})
			ctx, cancel := context.WithCancel(t.Context())
			first := make(chan outcome, 1)
			go func() { first <- try(t, tr, 1, request(t, ctx, "http://name.test:"+port, "")) }()
			time.Sleep(100 * time.Millisecond) // as long as an attempt waits before another one starts beside it
			second := try(t, tr, 2, request(t, t.Context(), "http://name.test:"+port, ""))
			cancel()
			<-first
			if want := "127.0.0.1:" + port; second.Err != nil || second.Exchange.Address != want {
				t.Errorf("the second attempt went to %s (%v), want %s", second.Exchange.Address, second.Err, want)
			}
			tr.CloseIdleConnections()
			later := get(t, tr, "http://name.test:"+port)
			if want := "127.0.0.1:" + port; later.Exchange.Address != want {
				t.Errorf("a later call went to %s, want %s", later.Exchange.Address, want)
			}
		})
	}
}

// Where all addresses are bad, all are tried.
func TestAllAddressesBad(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	tr := transport(t, wire.Options{Resolver: resolver(t, map[string][][4]byte{"name.test": {{127, 0, 0, 1}}})})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		try(t, tr, 1, request(t, ctx, "http://name.test:"+port, ""))
	}
	if got := get(t, tr, "http://name.test:"+port); got.Exchange.Address != "127.0.0.1:"+port {
		t.Errorf("connected to %q, want the only address there is", got.Exchange.Address)
	}
}

// A DNS server that is silent costs a call a second, and later ones nothing.
func TestOtherNameServer(t *testing.T) {
	port := portOf(t)
	names := map[string][][4]byte{"name.test": {{127, 0, 0, 1}}}
	var asked atomic.Int32
	dead := resolverThat(t, names, func([]byte) bool { asked.Add(1); return false })
	tr := transport(t, wire.Options{Resolver: dead + "," + resolver(t, names)})
	first := get(t, tr, "http://name.test:"+port)
	if first.took < 900*time.Millisecond || first.took > 2500*time.Millisecond {
		t.Errorf("the first call took %v, want a little more than a second", first.took)
	}
	n := asked.Load()
	for range 3 {
		tr.CloseIdleConnections()
		if later := get(t, tr, "http://name.test:"+port); later.took > 900*time.Millisecond {
			t.Errorf("a later call took %v, want it not to wait for the dead server", later.took)
		}
	}
	if asked.Load() != n {
		t.Errorf("the dead server was asked %d times again", asked.Load()-n)
	}
}

// An answer for one family of addresses is good enough where none comes for the other.
func TestOneFamilyAnswered(t *testing.T) {
	port := portOf(t)
	only := resolverThat(t, map[string][][4]byte{"name.test": {{127, 0, 0, 1}}}, func(query []byte) bool {
		var p dnsmessage.Parser
		p.Start(query)
		q, err := p.Question()
		return err == nil && q.Type == dnsmessage.TypeA
	})
	before := measure(t)
	tr := transport(t, wire.Options{Resolver: only})
	if got := get(t, tr, "http://name.test:"+port); got.took > time.Second {
		t.Errorf("took %v, want it not to wait for an answer that never comes", got.took)
	}
	tr.CloseIdleConnections()
	before.gone(t)
}
