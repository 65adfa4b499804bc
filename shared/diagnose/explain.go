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

// timeoutText says what did not happen in a phase that timed out, and what usually is the
// cause.
func (p *probe) timeoutText(phase fault.Phase, took time.Duration) string {
	within := fmt.Sprintf("within %.1f s", took.Seconds())
	switch phase {
	case fault.PhaseDNS:
		return fmt.Sprintf("no answer from %s %s: check that the VPC has DNS support on, which resolver its DHCP options name, and that UDP and TCP port 53 are open to it", p.resolverName(), within)
	case fault.PhaseConnect:
		if p.socket != nil { // the phase goes on until the proxy has connected
			return fmt.Sprintf("%s took the connection, and did not connect with %s %s: check whether the proxy may and can reach that host", p.peer(), wire.HostPort(p.service.URL), within)
		}
		return fmt.Sprintf("no TCP connection to %s %s: check %s", p.peer(), within, p.dropCauses())
	case fault.PhaseTLS:
		return fmt.Sprintf("TCP connected to %s, but the TLS handshake did not finish %s: a firewall that inspects TLS may swallow it, the path may lose large packets (MTU), or the server is stuck", p.peer(), within)
	case fault.PhaseSend:
		return fmt.Sprintf("%s did not take the request %s: the server is stuck, or the path loses packets", p.peer(), within)
	case fault.PhaseWait:
		return fmt.Sprintf("the request was sent to %s, but no response byte came %s: the service, or a proxy before it, hangs or is overloaded; see its status page", p.peer(), within)
	default:
		return fmt.Sprintf("the response of %s began, but did not end %s: the service, or a proxy before it, hangs; or the path loses large packets (MTU)", p.peer(), within)
	}
}

// dropCauses lists what usually drops the packets that open a connection to the address.
func (p *probe) dropCauses() string {
	to, err := netip.ParseAddrPort(p.target.Address)
	if err == nil && to.Addr().IsPrivate() {
		return "this function's security group, that of what listens there (a VPC endpoint has its own), the network ACLs, and the subnet's route to it"
	}
	return "the security group, the network ACLs, and the subnet's route to a NAT gateway or VPC endpoint"
}

// peer is the other end of the connection.
func (p *probe) peer() string {
	if p.proxy != nil {
		return "the proxy " + p.target.Address
	}
	return p.target.Address
}

// explain says what an error means, and what usually is the cause.
func (p *probe) explain(phase fault.Phase, err error) (fault.Kind, string) {
	if k, text := p.explainConnect(err); text != "" {
		return k, text
	}
	if text := p.explainTLS(err); text != "" {
		return fault.Upstream, text
	}
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch {
	case closed && phase == fault.PhaseTLS:
		return fault.Unavailable, fmt.Sprintf("%s closed the connection in the TLS handshake: a firewall that filters by server name does that, and so does an overloaded server", p.peer())
	case closed:
		return fault.Unavailable, fmt.Sprintf("%s closed the connection before the response was whole: the server is restarting or overloaded, or a firewall or proxy on the way cuts connections", p.peer())
	case phase == fault.PhaseReceive:
		return fault.Upstream, fmt.Sprintf("what %s answered is not HTTP: check the scheme and port of the URL", p.peer())
	}
	return fault.Unavailable, fmt.Sprintf("%s: %s", p.peer(), errorText(err))
}

// explainConnect explains an error of DNS, of a proxy, or of TCP; "" for any other.
func (p *probe) explainConnect(err error) (fault.Kind, string) {
	dns, isDNS := errors.AsType[*net.DNSError](err)
	refused, isRefusal := errors.AsType[refusal](err)
	switch {
	case isDNS && dns.IsNotFound:
		return fault.Unavailable, fmt.Sprintf("the name %s has no address, says %s: check the URL for a typing error, then private hosted zones and DNS firewall rules", dns.Name, p.resolverName())
	case isDNS:
		return fault.Unavailable, fmt.Sprintf("%s could not resolve the name %s (%s): check the resolver, where it forwards to, and DNS firewall rules", p.resolverName(), dns.Name, dns.Err)
	case isRefusal:
		return refused.kind(), fmt.Sprintf("%s refuses to connect with %s: status %d; its rules do not allow that host, or it cannot reach it", p.peer(), wire.HostPort(p.service.URL), int(refused))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Unavailable, fmt.Sprintf("%s refused the TCP connection: nothing listens there, or a firewall rejects it; check the URL's port", p.peer())
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fault.Unavailable, fmt.Sprintf("there is no route to %s: check the subnet's route table", p.peer())
	}
	return 0, ""
}

// explainTLS explains an error of a TLS handshake; "" for any other.
func (p *probe) explainTLS(err error) string {
	name, isName := errors.AsType[x509.HostnameError](err)
	_, isAuthority := errors.AsType[x509.UnknownAuthorityError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isVerification := errors.AsType[*tls.CertificateVerificationError](err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case isName:
		return fmt.Sprintf("the certificate of %s is not for %s: the name leads to another server, or something on the way intercepts TLS", p.peer(), name.Host)
	case isAuthority:
		return fmt.Sprintf("the certificate of %s is of an authority that is not trusted: something on the way intercepts TLS, or its CA is missing from what SSL_CERT_FILE names", p.peer())
	case isInvalid && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %s is not valid at this time: it ran out, or this clock is wrong", p.peer())
	case isVerification:
		return fmt.Sprintf("the certificate of %s is not valid", p.peer())
	case isRecord:
		return fmt.Sprintf("%s does not speak TLS: check the scheme and port of the URL", p.peer())
	case isOp && op.Op == "remote error": // a TLS alert, whose type is not exported
		return fmt.Sprintf("%s refuses TLS as offered (%v): it wants another version or a client certificate, or filters by server name", p.peer(), op.Err)
	}
	return ""
}

// errorText is the text of a network error without its addresses, which are in the target.
func errorText(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error()
	}
	return err.Error()
}
