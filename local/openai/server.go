// Package openai is an OpenAI-compatible stand-in that works offline: it makes
// embeddings by hashing features of the text, good enough that retrieval is
// useful without a key, and refuses bad input as OpenAI does.
package openai

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

// Options say how to serve; the zero value takes free ports on loopback.
type Options struct {
	Address    string // of the plain HTTP listener; "" is 127.0.0.1:0
	TLSAddress string // of the TLS listener, which speaks HTTP/2; "" is 127.0.0.1:0
	// Wrap stands before the API: the place for faults.
	Wrap func(http.Handler) http.Handler
}

// Server serves the stand-in over plain HTTP/1.1 and over TLS with HTTP/2.
type Server struct {
	plain, secure net.Listener
	servers       [2]*http.Server
	done          chan error
	pool          *x509.CertPool
	pem           []byte
}

// Start starts a server.
func Start(o Options) (*Server, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	s := &Server{done: make(chan error, 2), pool: certificate.pool, pem: certificate.pem}
	if s.plain, err = net.Listen("tcp", or(o.Address)); err != nil {
		return nil, err
	}
	if s.secure, err = net.Listen("tcp", or(o.TLSAddress)); err != nil {
		return nil, errors.Join(err, s.plain.Close())
	}
	handler := API()
	if o.Wrap != nil {
		handler = o.Wrap(handler)
	}
	for i := range s.servers {
		s.servers[i] = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	}
	s.servers[1].TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate.pair}, MinVersion: tls.VersionTLS12}
	go func() { s.done <- s.servers[0].Serve(s.plain) }()
	go func() { s.done <- s.servers[1].ServeTLS(s.secure, "", "") }()
	return s, nil
}

func or(address string) string {
	if address == "" {
		return "127.0.0.1:0"
	}
	return address
}

// URL is the root of the plain listener; the API is below /v1.
func (s *Server) URL() string { return "http://" + s.plain.Addr().String() }

// TLSURL is the root of the TLS listener.
func (s *Server) TLSURL() string { return "https://" + s.secure.Addr().String() }

// CertPool has the certificate that the TLS listener shows.
func (s *Server) CertPool() *x509.CertPool { return s.pool }

// CertPEM is that certificate as a file that SSL_CERT_FILE may name.
func (s *Server) CertPEM() []byte { return s.pem }

// Close stops serving and cuts what is under way.
func (s *Server) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	for range s.servers {
		if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
