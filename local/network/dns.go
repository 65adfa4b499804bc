package network

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is a DNS server at one port of UDP and TCP.
type nameServer struct {
	second bool // clients ask the other server first
	find   func(func(*Host) bool) *Host
	udp    net.PacketConn
	tcp    net.Listener
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

func startNameServer(address netip.Addr, find func(func(*Host) bool) *Host, second bool) (*nameServer, error) {
	s := &nameServer{find: find, second: second}
	var err error
	for range 10 { // UDP's free port is sometimes taken in TCP
		if s.udp, err = net.ListenPacket("udp4", netip.AddrPortFrom(address, 0).String()); err != nil {
			return nil, err
		}
		if s.tcp, err = net.Listen("tcp4", s.address()); err == nil {
			break
		}
		s.udp.Close()
	}
	if err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tasks.Go(s.serveUDP)
	s.tasks.Go(s.serveTCP)
	return s, nil
}

func (s *nameServer) address() string { return s.udp.LocalAddr().String() }

func (s *nameServer) close() error {
	s.cancel()
	err := errors.Join(s.udp.Close(), s.tcp.Close())
	s.tasks.Wait()
	return err
}

func (s *nameServer) serveUDP() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		query := append([]byte(nil), buf[:n]...)
		s.tasks.Go(func() {
			if answer := s.answer(query); answer != nil {
				s.udp.WriteTo(answer, from)
			}
		})
	}
}

func (s *nameServer) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		s.tasks.Go(func() {
			defer c.Close()
			defer context.AfterFunc(s.ctx, func() { c.Close() })()
			s.serveConn(c)
		})
	}
}

// serveConn answers the queries of a TCP connection, each after its length (RFC 1035, 4.2.2).
func (s *nameServer) serveConn(c net.Conn) {
	for {
		c.SetReadDeadline(time.Now().Add(time.Minute))
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		if answer := s.answer(query); answer != nil {
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		}
	}
}

// reply is the server's answer to a query.
type reply struct {
	code      dnsmessage.RCode
	addresses []netip.Addr
	silent    bool // there is no answer
}

// answer returns the message that answers a query; nil if there is none.
func (s *nameServer) answer(query []byte) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil || header.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	r := s.resolve(strings.ToLower(q.Name.String()), q.Type)
	if r.silent {
		return nil
	}
	message := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID:                 header.ID,
			Response:           true,
			RecursionDesired:   header.RecursionDesired,
			RecursionAvailable: true,
			RCode:              r.code,
		},
		Questions: []dnsmessage.Question{q},
	}
	for _, a := range r.addresses {
		var body dnsmessage.ResourceBody = &dnsmessage.AAAAResource{AAAA: a.As16()}
		if a.Is4() {
			body = &dnsmessage.AResource{A: a.As4()}
		}
		// The TTL is 0, so that no client keeps an address of a fault.
		message.Answers = append(message.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET},
			Body:   body,
		})
	}
	out, err := message.Pack()
	if err != nil {
		return nil
	}
	return out
}

func (s *nameServer) resolve(name string, t dnsmessage.Type) reply {
	if h := s.find(func(h *Host) bool { return name == h.domain()+"." }); h != nil {
		return h.resolve(t, s.second)
	}
	// A resolver may append the system's search domains to a name. There is nothing under those names.
	if h := s.find(func(h *Host) bool { return strings.HasPrefix(name, h.domain()+".") }); h != nil {
		return reply{code: dnsmessage.RCodeNameError}
	}
	if t != dnsmessage.TypeA && t != dnsmessage.TypeAAAA {
		return reply{code: dnsmessage.RCodeNotImplemented}
	}
	return s.forward(name, t)
}

// maxForwarded is how many addresses fit into a datagram of 512 bytes beside the longest name.
const maxForwarded = 8

// forward asks the system's resolver.
func (s *nameServer) forward(name string, t dnsmessage.Type) (r reply) {
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	// The final dot goes, since names in hosts files have none.
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(name, "."))
	if err != nil {
		r.code = dnsmessage.RCodeServerFailure
		if d, ok := errors.AsType[*net.DNSError](err); ok && d.IsNotFound {
			r.code = dnsmessage.RCodeNameError
		}
		return r
	}
	for _, a := range all {
		if a = a.Unmap(); a.Is4() == (t == dnsmessage.TypeA) && len(r.addresses) < maxForwarded {
			r.addresses = append(r.addresses, a)
		}
	}
	return r
}

// The addresses of a service on loopback: one that serves it, and two that do not.
var (
	loopback       = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	silentAddress  = netip.AddrFrom4([4]byte{127, 0, 0, 2})
	refusedAddress = netip.AddrFrom4([4]byte{127, 0, 0, 3})
)

// resolve answers a query for the service's name, which has only an IPv4 address.
// A lookup asks for both families in two queries that nothing ties together. So a
// fault with Times or Share meets only the query for IPv4; any other meets both.
// second says that the second DNS server was asked.
func (h *Host) resolve(t dnsmessage.Type, second bool) reply {
	h.mu.Lock()
	h.counts.Queries++
	h.mu.Unlock()
	name := ""
	if a := h.lookupFault(t); a != nil {
		name = a.kind.Name
	}
	switch {
	case name == "dns-silent",
		name == "dns-first-silent" && !second,
		name == "dns-ipv6-silent" && t == dnsmessage.TypeAAAA:
		return reply{silent: true}
	case name == "dns-fails":
		return reply{code: dnsmessage.RCodeServerFailure}
	case t != dnsmessage.TypeA:
		return reply{}
	}
	switch name {
	case "connect-silent":
		return reply{addresses: []netip.Addr{silentAddress}}
	case "connect-first-silent":
		return reply{addresses: []netip.Addr{silentAddress, h.address}}
	case "first-stopped", "first-silent":
		return reply{addresses: []netip.Addr{badAddress, h.address}}
	case "connect-refused":
		return reply{addresses: []netip.Addr{refusedAddress}}
	}
	return reply{addresses: []netip.Addr{h.address}}
}

func (h *Host) lookupFault(t dnsmessage.Type) *activeFault {
	if t == dnsmessage.TypeA {
		return h.meetFault(atLookup)
	}
	for _, a := range h.activeFaults() {
		if a.kind.layer == atLookup && a.Times == 0 && a.Share == 0 {
			return a
		}
	}
	return nil
}
