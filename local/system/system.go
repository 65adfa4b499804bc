// Package system is the whole of Ragtime on one machine: the gateway, the
// function processes, the table, the OpenAI stand-in, Secrets Manager and the
// X-Ray daemon, wired as template.yaml says. The functions reach the services
// over a network that can be made to fail: System.Network in a test, and
// ControlPath and the page at page.Path, below the API's URL, by hand.
package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ragtime/local/gateway"
	"ragtime/local/lambda"
	"ragtime/local/network"
	"ragtime/local/openai"
	"ragtime/local/page"
	"ragtime/local/xray"
)

// region is the one that local resources claim to be in.
const region = "local"

// ControlPath is where the API's URL has the control of the network's faults
// (network.Network.ServeHTTP). The rest of page.Path is the page's, and everything
// else below the URL the gateway's.
const ControlPath = "/_ragtime/faults"

// Options say what to start. Root is needed; the rest has useful zero values.
type Options struct {
	Root          string            // the folder of template.yaml, with build/<function>/bootstrap in it
	Data          string            // folder of the table's data; empty keeps it in memory
	Port          int               // of the API; 0 is any free one
	OpenAIKey     string            // with a key the real OpenAI is used, else the stand-in
	OpenAIBaseURL string            // with a key: another OpenAI-compatible API
	Provider      string            // RAGTIME_PROVIDER of the functions: how they speak to it, or to the stand-in
	Settings      string            // their RAGTIME_PROVIDER_SETTINGS: see docs/providers.md
	CertFile      string            // with a key: what its API's certificate is checked with (PEM); empty is what the system trusts
	Pace          float64           // tokens a second of the stand-in's chat completions; 0 is as fast as they are taken
	PerProcess    int               // invocations that one function process serves at once, as lambda.Function.PerProcess; 1
	Parameters    map[string]string // the template's parameters that are not to have their defaults
	Address       netip.Addr        // of this machine, IPv4, where the functions reach the services; the zero value is 127.0.0.1
	Plain         bool              // the services speak no TLS, which they never do on macOS and Windows
	SecretKey     bool              // the functions fetch the key from Secrets Manager, as they do when deployed
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
	// Network is between the functions and the services openai and chat (the stand-in,
	// as embeddings and answers reach it), dynamodb and secretsmanager. A real OpenAI is not reached over it.
	Network *network.Network

	// Environment has the variables by which the functions find the services, in
	// place of those that the template gives them.
	Environment map[string]string

	// StandIn is who answers as openai and chat; nil where a real one does.
	StandIn *openai.StandIn

	toolServices []toolService
	log          page.Log
	close        []func() error // in the order of starting
}

// Start starts everything, or nothing: on error what had started is stopped.
func Start(o Options) (_ *System, err error) {
	s := new(System)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	parameters := map[string]string{"OpenAIKeySecretArn": keySecretARN}
	maps.Copy(parameters, o.Parameters)
	s.Template, err = gateway.Load(filepath.Join(o.Root, "template.yaml"), parameters)
	if err != nil {
		return nil, err
	}
	if s.XRay, err = xray.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.close = append(s.close, s.XRay.Close)
	if s.Environment, err = s.startServices(o); err != nil {
		return nil, err
	}
	if err := s.startFunctions(o, s.Environment); err != nil {
		return nil, err
	}
	g := gateway.New(s.Template, invoker{s.Lambda, s.logTo(o.Log)}, gateway.Options{})
	s.close = append(s.close, func() error { g.Close(); return nil })
	s.URL, err = s.serve(net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)), s.routes(g, s.newPage(o, g)))
	return s, err
}

// newPage makes the local page. Secrets Manager's faults are on it only if the
// functions ask it.
func (s *System) newPage(o Options, api http.Handler) http.Handler {
	var hosts []*network.Host
	for _, service := range []string{"openai", "chat", "dynamodb", "secretsmanager"} {
		if h := s.Network.Host(service); h != nil && (service != "secretsmanager" || o.SecretKey) {
			hosts = append(hosts, h)
		}
	}
	p := page.New(api, s.XRay, &s.log, s.endIdle, hosts...)
	s.close = append(s.close, func() error { p.Close(); return nil })
	return p
}

// endIdle ends the functions' processes that serve nobody. One that is handed an
// invocation at this very moment fails it.
func (s *System) endIdle() {
	for _, f := range s.Template.Functions {
		for _, e := range s.Lambda.Environments(f.Name) {
			if e.State == "frozen" {
				e.Kill()
			}
		}
	}
}

// routes tells the gateway's requests from those to this machine's own paths, and
// lets no page of another site at any of them: documents could be read and deleted,
// and a key spent. It is no ServeMux, which would clean the gateway's paths.
func (s *System) routes(api, local http.Handler) http.Handler {
	control := http.StripPrefix(ControlPath, s.Network)
	services := s.toolHandler()
	return page.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path + "/"
		switch {
		case r.URL.Path == "/" && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, page.Path, http.StatusSeeOther) // a browser: the API has nothing at /
		case strings.HasPrefix(path, ControlPath+"/"):
			control.ServeHTTP(w, r)
		case strings.HasPrefix(path, ServicesPath):
			services.ServeHTTP(w, r)
		case strings.HasPrefix(path, page.Path):
			local.ServeHTTP(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	}))
}

const (
	// maxProcesses is how many run of a function at once, at some 35 MB each.
	maxProcesses = 24
	// busyWait is how long a request waits where all of them are busy. With the
	// function's own 28 s it stays a request that ends.
	busyWait = 20 * time.Second
)

// startFunctions makes the Lambda service of the template's functions. A process
// starts with its first invocation.
func (s *System) startFunctions(o Options, env map[string]string) error {
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
		functions = append(functions, lambda.Function{Name: f.Name, Alias: f.LogicalID, Binary: binary,
			Env: merged, Timeout: f.Timeout, MemoryMB: f.MemoryMB, PerProcess: o.PerProcess, JSONLogs: true,
			Concurrency: maxProcesses, Wait: busyWait})
	}
	var err error
	s.Lambda, err = lambda.New(functions, lambda.Options{Region: region, XRayDaemon: s.XRay.Addr(), Log: s.logTo(o.Log)})
	if err == nil {
		s.close = append(s.close, func() error { s.Lambda.Close(); return nil })
		s.addTool("lambda", "", s.Lambda)
	}
	return err
}

// logTo is where the functions' lines go: to the page, and to whom else they are shown.
func (s *System) logTo(also func(lambda.Line)) func(lambda.Line) {
	return func(l lambda.Line) {
		s.log.Add(l)
		if also != nil {
			also(l)
		}
	}
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

var _ gateway.Streamer = invoker{}

// invoker is what the gateway sees of the Lambda service.
type invoker struct {
	service *lambda.Service
	log     func(lambda.Line)
}

// logThrottled says in the log what the gateway's 500 does not.
func (i invoker) logThrottled(function string) {
	i.log(lambda.Line{Time: time.Now(), Function: function, Platform: true, Text: fmt.Sprintf(
		`{"level":"WARN","msg":"throttled","function":%q,"detail":"all %d processes were busy for %.0f s: ask with fewer clients at once, or end the hang that keeps them busy"}`,
		function, maxProcesses, busyWait.Seconds())})
}

func (i invoker) Invoke(ctx context.Context, function string, payload []byte, traceID string) ([]byte, error) {
	r, err := i.service.Invoke(ctx, function, lambda.Invocation{Payload: payload, TraceID: traceID})
	return r.Payload, i.gatewayError(function, err)
}

func (i invoker) InvokeStream(ctx context.Context, function string, payload []byte, traceID string) (io.ReadCloser, error) {
	r, err := i.service.InvokeStream(ctx, function, lambda.Invocation{Payload: payload, TraceID: traceID})
	if err != nil {
		return nil, i.gatewayError(function, err)
	}
	return r, nil
}

// gatewayError gives an error of the Lambda service the gateway's meaning.
func (i invoker) gatewayError(function string, err error) error {
	if errors.Is(err, lambda.ErrThrottled) {
		i.logThrottled(function)
		err = fmt.Errorf("%w: %w", gateway.ErrThrottled, err)
	}
	return err
}
