package diagnose

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// secure makes the TLS connection with the service. Where the proxy is reached over TLS,
// it connects with the proxy first, and through it with the service.
func (p *probe) secure(ctx context.Context) (string, error) {
	var detail string
	if p.proxyOverTLS() {
		d, err := p.handshake(ctx, p.proxy.Hostname())
		detail = "with the proxy: " + d
		if err != nil || !p.overTLS() {
			return detail, err
		}
		via, err := p.tunnel()
		detail += via + "; "
		if err != nil {
			return detail, err
		}
	}
	d, err := p.handshake(ctx, p.service.URL.Hostname())
	return detail + d, err
}

// handshake makes a TLS connection over the one that there is, and describes it. Like
// requests, it offers HTTP/1.1 only.
func (p *probe) handshake(ctx context.Context, server string) (string, error) {
	c := tls.Client(p.conn, &tls.Config{
		ServerName: server,
		RootCAs:    p.options.RootCAs,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	})
	err := c.HandshakeContext(ctx)
	if err != nil {
		if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return certificate(e.UnverifiedCertificates), err
		}
		return "", err
	}
	p.conn = c
	s := c.ConnectionState()
	return strings.Join([]string{
		tls.VersionName(s.Version),
		tls.CipherSuiteName(s.CipherSuite),
		"ALPN " + cmp.Or(s.NegotiatedProtocol, "none"),
		certificate(s.PeerCertificates),
	}, ", "), nil
}

// certificate describes the first certificate of a chain, which is the server's own.
func certificate(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return "no certificate"
	}
	c := chain[0]
	names := c.Subject.String()
	if len(c.DNSNames) > 0 {
		names = strings.Join(c.DNSNames[:min(3, len(c.DNSNames))], ", ")
	}
	return fmt.Sprintf("certificate for %q by %q, valid from %s to %s", names, c.Issuer.String(),
		c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
}
