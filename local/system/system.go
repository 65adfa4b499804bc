// Package system is the whole of Ragtime on one machine: the gateway, the
// function processes, the table, the OpenAI stand-in and the X-Ray daemon,
// wired as template.yaml says.
package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ragtime/local/dynamo"
	"ragtime/local/gateway"
	"ragtime/local/lambda"
	"ragtime/local/openai"
	"ragtime/local/xray"
)

// region is the one that local resources claim to be in.
const region = "local"

// Options say what to start. Root is needed; the rest has useful zero values.
type Options struct {
	Root          string            // the folder of template.yaml, with build/<function>/bootstrap in it
	Data          string            // folder of the table's data; empty keeps it in memory
	Port          int               // of the API; 0 is any free one
	OpenAIKey     string            // with a key the real OpenAI is used, else the stand-in
	OpenAIBaseURL string            // with a key: another OpenAI-compatible API
	Log           func(lambda.Line) // every line that functions and platform log
	// WrapDynamoDB stands between the functions and the table, for tests that make it fail.
	WrapDynamoDB func(http.Handler) http.Handler
}

// System is a running Ragtime.
type System struct {
	URL      string // of the API
	Template *gateway.Template
	Lambda   *lambda.Service
	XRay     *xray.Daemon

	close []func() error // in the order of starting
}

// Start starts everything, or nothing: on error what had started is stopped.
func Start(o Options) (_ *System, err error) {
	s := new(System)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	s.Template, err = gateway.Load(filepath.Join(o.Root, "template.yaml"), map[string]string{
		// The template wants one; functions on this machine are given the key itself.
		"OpenAIKeySecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:unused",
	})
	if err != nil {
		return nil, err
	}
	if s.XRay, err = xray.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.close = append(s.close, s.XRay.Close)
	env, err := s.services(o)
	if err != nil {
		return nil, err
	}
	if err := s.functions(o, env); err != nil {
		return nil, err
	}
	g := gateway.New(s.Template, invoker{s.Lambda}, gateway.Options{})
	s.close = append(s.close, func() error { g.Close(); return nil })
	s.URL, err = s.serve(net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)), g)
	return s, err
}

// services starts what the functions call, and says where it is in their environment.
func (s *System) services(o Options) (map[string]string, error) {
	db, err := dynamo.Open(o.Data)
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, db.Close)
	var table http.Handler = db
	direct, err := s.serve("127.0.0.1:0", db)
	if err != nil {
		return nil, err
	}
	if err := createTable(context.Background(), direct, s.Template.Table); err != nil {
		return nil, fmt.Errorf("create the table: %w", err)
	}
	url := direct
	if o.WrapDynamoDB != nil {
		table = o.WrapDynamoDB(table)
		if url, err = s.serve("127.0.0.1:0", table); err != nil {
			return nil, err
		}
	}
	env := map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": url, "OPENAI_API_KEY": o.OpenAIKey, "OPENAI_API_KEY_SECRET": ""}
	switch {
	case o.OpenAIKey == "":
		standIn, err := openai.Start(openai.Options{})
		if err != nil {
			return nil, err
		}
		s.close = append(s.close, standIn.Close)
		env["OPENAI_API_KEY"], env["OPENAI_BASE_URL"] = "local", standIn.URL()+"/v1"
	case o.OpenAIBaseURL != "":
		env["OPENAI_BASE_URL"] = o.OpenAIBaseURL
	}
	return env, nil
}

// functions makes the Lambda service of the template's functions. A process
// starts with its first invocation.
func (s *System) functions(o Options, env map[string]string) error {
	var functions []lambda.Function
	for _, f := range s.Template.Functions {
		binary := filepath.Join(o.Root, "build", f.Name, "bootstrap")
		if _, err := os.Stat(binary); err != nil {
			return fmt.Errorf("function %s is not built: %w; run make build", f.Name, err)
		}
		merged := map[string]string{}
		for _, from := range []map[string]string{f.Environment, env} {
			for k, v := range from {
				merged[k] = v
			}
		}
		functions = append(functions, lambda.Function{Name: f.Name, Binary: binary,
			Env: merged, Timeout: f.Timeout, MemoryMB: f.MemoryMB, JSONLogs: true})
	}
	var err error
	s.Lambda, err = lambda.New(functions, lambda.Options{Region: region, XRayDaemon: s.XRay.Addr(), Log: o.Log})
	if err == nil {
		s.close = append(s.close, func() error { s.Lambda.Close(); return nil })
	}
	return err
}

// serve serves a handler and returns its URL.
func (s *System) serve(address string, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	s.close = append(s.close, func() error {
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return "http://" + l.Addr().String(), nil
}

// Close stops everything, the last started first.
func (s *System) Close() error {
	var errs []error
	for i := len(s.close) - 1; i >= 0; i-- {
		errs = append(errs, s.close[i]())
	}
	s.close = nil
	return errors.Join(errs...)
}

// invoker is what the gateway sees of the Lambda service.
type invoker struct{ service *lambda.Service }

func (i invoker) Invoke(ctx context.Context, function string, payload []byte, traceID string) ([]byte, error) {
	r, err := i.service.Invoke(ctx, function, lambda.Invocation{Payload: payload, TraceID: traceID})
	if errors.Is(err, lambda.ErrThrottled) {
		err = fmt.Errorf("%w: %w", gateway.ErrThrottled, err)
	}
	return r.Payload, err
}
