package diagnose

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

// silent says what a phase lacked when its time was over, and what usually is the cause.
func (w *way) silent(p fault.Phase, took time.Duration) string {
	within := fmt.Sprintf("within %.1f s", took.Seconds())
	switch p {
	case fault.PhaseDNS:
		return fmt.Sprintf("no answer from %s %s: check that the VPC has DNS support on, which resolver its DHCP options name, and that UDP and TCP port 53 are open to it", w.asked(), within)
	case fault.PhaseConnect:
		if w.socket != nil { // the phase goes on until the proxy has connected
			return fmt.Sprintf("%s took the connection, and did not connect with %s %s: check whether the proxy may and can reach that host", w.peer(), wire.HostPort(w.service.URL), within)
		}
		return fmt.Sprintf("no TCP connection to %s %s: check %s", w.peer(), within, w.whatDrops())
	case fault.PhaseTLS:
		return fmt.Sprintf("TCP connected to %s, but the TLS handshake did not finish %s: a firewall that inspects TLS may swallow it, the path may lose large packets (MTU), or the server is stuck", w.peer(), within)
	case fault.PhaseSend:
		return fmt.Sprintf("%s did not take the request %s: the server is stuck, or the path loses packets", w.peer(), within)
	case fault.PhaseWait:
		return fmt.Sprintf("the request was sent to %s, but no response byte came %s: the service, or a proxy before it, hangs or is overloaded; see its status page", w.peer(), within)
	default:
		return fmt.Sprintf("the response of %s began, but did not end %s: the service, or a proxy before it, hangs; or the path loses large packets (MTU)", w.peer(), within)
	}
}

// whatDrops names what usually drops SYNs to the address.
func (w *way) whatDrops() string {
	to, err := netip.ParseAddrPort(w.target.Address)
	if err == nil && to.Addr().IsPrivate() {
		return "this function's security group, that of what listens there (a VPC endpoint has its own), the network ACLs, and the subnet's route to it"
	}
	return "the security group, the network ACLs, and the subnet's route to a NAT gateway or VPC endpoint"
}

// peer is whom the connection is with.
func (w *way) peer() string {
	if w.proxy != nil {
		return "the proxy " + w.target.Address
	}
	return w.target.Address
}

// broken says of an error what it means, and what usually is the cause.
func (w *way) broken(p fault.Phase, err error) (fault.Kind, string) {
	if k, text := w.refused(err); text != "" {
		return k, text
	}
	if text := w.untrusted(err); text != "" {
		return fault.Upstream, text
	}
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch {
	case closed && p == fault.PhaseTLS:
		return fault.Unavailable, fmt.Sprintf("%s closed the connection in the TLS handshake: a firewall that filters by server name does that, and so does an overloaded server", w.peer())
	case closed:
		return fault.Unavailable, fmt.Sprintf("%s closed the connection before the response was whole: the server is restarting or overloaded, or a firewall or proxy on the way cuts connections", w.peer())
	case p == fault.PhaseReceive:
		return fault.Upstream, fmt.Sprintf("what %s answered is not HTTP: check the scheme and port of the URL", w.peer())
	}
	return fault.Unavailable, fmt.Sprintf("%s: %s", w.peer(), plain(err))
}

// refused explains errors of getting a connection.
func (w *way) refused(err error) (fault.Kind, string) {
	switch dns := as[*net.DNSError](err); {
	case dns != nil && dns.IsNotFound:
		return fault.Unavailable, fmt.Sprintf("the name %s has no address, says %s: check the URL for a typing error, then private hosted zones and DNS firewall rules", dns.Name, w.asked())
	case dns != nil:
		return fault.Unavailable, fmt.Sprintf("%s could not resolve the name %s (%s): check the resolver, where it forwards to, and DNS firewall rules", w.asked(), dns.Name, dns.Err)
	case is[refusal](err):
		r := as[refusal](err)
		return r.kind(), fmt.Sprintf("%s refuses to connect with %s: status %d; its rules do not allow that host, or it cannot reach it", w.peer(), wire.HostPort(w.service.URL), int(r))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Unavailable, fmt.Sprintf("%s refused the TCP connection: nothing listens there, or a firewall rejects it; check the URL's port", w.peer())
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fault.Unavailable, fmt.Sprintf("there is no route to %s: check the subnet's route table", w.peer())
	}
	return 0, ""
}

// untrusted explains what makes TLS fail at once.
func (w *way) untrusted(err error) string {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch op := as[*net.OpError](err); {
	case errors.As(err, &name):
		return fmt.Sprintf("the certificate of %s is not for %s: the name leads to another server, or something on the way intercepts TLS", w.peer(), name.Host)
	case errors.As(err, &authority):
		return fmt.Sprintf("the certificate of %s is of an authority that is not trusted: something on the way intercepts TLS, or its CA is missing from what SSL_CERT_FILE names", w.peer())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %s is not valid at this time: it ran out, or this clock is wrong", w.peer())
	case is[*tls.CertificateVerificationError](err):
		return fmt.Sprintf("the certificate of %s is not valid", w.peer())
	case is[tls.RecordHeaderError](err):
		return fmt.Sprintf("%s does not speak TLS: check the scheme and port of the URL", w.peer())
	case op != nil && op.Op == "remote error": // a TLS alert, whose type is not exported
		return fmt.Sprintf("%s refuses TLS as offered (%v): it wants another version or a client certificate, or filters by server name", w.peer(), op.Err)
	}
	return ""
}

// plain is the text of a system's error without the addresses, which are told.
func plain(err error) string {
	if op := as[*net.OpError](err); op != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// as is the error of type E in err's chain, or E's zero value.
func as[E error](err error) E { e, _ := errors.AsType[E](err); return e }

// is tells whether there is an error of type E in err's chain.
func is[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }
