package system

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"ragtime/local/dynamo"
	"ragtime/local/network"
	"ragtime/local/openai"
	"ragtime/local/secrets"
)

// keySecretARN is the ARN of the secret with the OpenAI key.
const keySecretARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ragtime/openai-local0"

// StandInKey is the functions' key for the stand-in, which takes any key. It is easy to
// find in places where no key may be.
const StandInKey = "sk-local-stand-in"

// startServices starts the services that the functions call. It returns the variables
// with which the functions find them.
func (s *System) startServices(o Options) (env map[string]string, err error) {
	table, err := s.openTable(o)
	if err != nil {
		return nil, err
	}
	s.Network, err = network.New()
	if o.Address.IsValid() {
		s.Network, err = network.At(o.Address)
	}
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, s.Network.Close)
	s.Network.Plain = needsPlain || o.Plain
	env = map[string]string{
		"RAGTIME_RESOLVER":          s.Network.Resolvers(),
		"RAGTIME_PROVIDER":          o.Provider,
		"RAGTIME_PROVIDER_SETTINGS": o.Settings,
	}
	serve := func(variable, path, service string, h http.Handler, own ...network.Kind) {
		if err != nil {
			return
		}
		if service != "chat" { // people's tools reach chat as openai
			s.addTool(service, path, h)
		}
		var host *network.Host
		if host, err = s.Network.Serve(service, h, own...); err == nil {
			env[variable] = host.URL() + path
		}
	}
	key := o.OpenAIKey
	switch {
	case key == "":
		key = StandInKey
		s.StandIn = openai.API()
		s.StandIn.SetPace(o.Pace)
		serve("OPENAI_BASE_URL", "/v1", "openai", s.StandIn, openai.Faults()...)
		// The stand-in has a second name, so that a fault can hit the model for answers alone.
		serve("RAGTIME_CHAT_BASE_URL", "/v1", "chat", s.StandIn, openai.Faults()...)
	case o.OpenAIBaseURL != "":
		env["OPENAI_BASE_URL"] = o.OpenAIBaseURL
	}
	serve("AWS_ENDPOINT_URL_DYNAMODB", "", "dynamodb", table, dynamo.Faults()...)
	serve("AWS_ENDPOINT_URL_SECRETS_MANAGER", "", "secretsmanager", secrets.Handler(map[string]string{keySecretARN: key}))
	if err != nil {
		return nil, err
	}
	if o.SecretKey {
		env["OPENAI_API_KEY"] = ""
		env["OPENAI_API_KEY_SECRET"] = keySecretARN
	} else {
		env["OPENAI_API_KEY"] = key
		env["OPENAI_API_KEY_SECRET"] = ""
	}
	if !s.Network.Plain {
		env["SSL_CERT_FILE"], err = s.writeCertificates(o)
	}
	return env, err
}

// openTable opens the database, and creates the template's table if it is missing.
func (s *System) openTable(o Options) (http.Handler, error) {
	db, err := dynamo.Open(o.Data)
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, db.Close)
	if err := createTable(context.Background(), handlerClient{db}, s.Template.Table); err != nil {
		return nil, fmt.Errorf("create the table: %w", err)
	}
	if o.WrapDynamoDB != nil {
		return o.WrapDynamoDB(db), nil
	}
	return db, nil
}

// handlerClient is an HTTP client that calls a handler, without a network.
type handlerClient struct{ http.Handler }

func (h handlerClient) Do(r *http.Request) (*http.Response, error) {
	status, header, body := network.Capture(h.Handler, r)
	return &http.Response{
		StatusCode:    status,
		Status:        fmt.Sprint(status, " ", http.StatusText(status)),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		ContentLength: int64(len(body)),
		Body:          io.NopCloser(bytes.NewReader(body)),
		Request:       r,
	}, nil
}

// needsPlain says that functions on this system cannot use the network's CA: Go uses
// the system's own verifier there, and does not read SSL_CERT_FILE.
const needsPlain = runtime.GOOS == "darwin" || runtime.GOOS == "windows"

// certificateFiles are the files in which systems have the certificates that they trust
// (crypto/x509, root_linux.go).
var certificateFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// writeCertificates writes a file for SSL_CERT_FILE with the network's CA and the
// certificates that the system trusts, since the functions may call a real OpenAI. The
// file is beside the data, so that killed systems leave at most one.
func (s *System) writeCertificates(o Options) (file string, err error) {
	dir := o.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "ragtime-"); err != nil {
			return "", err
		}
		s.close = append(s.close, func() error { return os.RemoveAll(dir) })
	}
	var trusted []byte
	for _, name := range append([]string{o.CertFile}, certificateFiles...) {
		if trusted, err = os.ReadFile(name); err == nil {
			trusted = append(bytes.TrimSpace(trusted), '\n')
			break
		}
	}
	if file, err = filepath.Abs(filepath.Join(dir, "trusted.pem")); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, append(trusted, s.Network.CertPEM()...), 0o600)
}
