package network_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ragtime/local/network"
)

func resolver(n *network.Network, over string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, over, n.Resolver())
	}}
}

func TestNames(t *testing.T) {
	n, h := serve(t, false)
	for _, over := range []string{"udp", "tcp"} {
		for name, want := range map[string][]string{"echo.test": {"127.0.0.1"}, "ECHO.test.": {"127.0.0.1"}} {
			if got, err := resolver(n, over).LookupHost(t.Context(), name); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s over %s: got %v, %v; want %v", name, over, got, err, want)
			}
		}
		_, err := resolver(n, over).LookupHost(t.Context(), "echo.test.example.")
		if e, ok := errors.AsType[*net.DNSError](err); !ok || !e.IsNotFound {
			t.Errorf("a search domain's name over %s: %v, want not found", over, err)
		}
	}
	if got := h.Counts().Queries; got != 8 { // one of each family
		t.Errorf("counted %d queries, want 8", got)
	}
}

// The system's resolver answers for names that are not the network's own. The test sends
// the query itself, since Go's resolver would find localhost in the hosts file.
func TestOtherNames(t *testing.T) {
	n, _ := serve(t, false)
	want, err := net.DefaultResolver.LookupHost(t.Context(), "localhost")
	if err != nil {
		t.Skip(err)
	}
	if got := lookupIPv4(t, n, "localhost."); len(got) == 0 || !slices.Contains(want, got[0]) {
		t.Errorf("localhost: got %v, want of %v", got, want)
	}
}

// lookupIPv4 sends one query for an IPv4 address.
func lookupIPv4(t *testing.T, n *network.Network, name string) (addresses []string) {
	t.Helper()
	message := dnsmessage.Message{
		Header: dnsmessage.Header{ID: 1, RecursionDesired: true},
		Questions: []dnsmessage.Question{{
			Name:  dnsmessage.MustNewName(name),
			Type:  dnsmessage.TypeA,
			Class: dnsmessage.ClassINET,
		}},
	}
	query, err := message.Pack()
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", n.Resolver())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(ample))
	c.Write(query)
	buf := make([]byte, 512)
	size, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf[:size]); err != nil {
		t.Fatal(err)
	}
	for _, a := range m.Answers {
		addresses = append(addresses, netip.AddrFrom4(a.Body.(*dnsmessage.AResource).A).String())
	}
	return addresses
}
