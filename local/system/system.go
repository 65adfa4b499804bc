// Package system is the whole of Ragtime on one machine: the gateway, the function
// processes, the table, the OpenAI stand-in, Secrets Manager and the X-Ray daemon,
// connected as template.yaml says.
//
// The functions reach the services over a network that can be made to fail. A test
// does so with System.Network, a person at ControlPath or on the page at page.Path,
// both below the API's URL.
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

// region is the AWS region of the local resources.
const region = "local"

// ControlPath is the path, below the API's URL, of the control of the network's faults
// (network.Network.ServeHTTP). The other paths below page.Path belong to the page, and
// all the rest to the gateway.
const ControlPath = "/_ragtime/faults"

// Options say what to start. Root is required; the rest has useful zero values.
type Options struct {
	Root string // the folder of template.yaml, with build/<function>/bootstrap in it
	Data string // the folder of the table's data; "" keeps it in memory
	Port int    // of the API; 0 is any free one

	OpenAIKey     string  // a key of the real OpenAI; "" uses the stand-in
	OpenAIBaseURL string  // with a key: another OpenAI-compatible API
	CertFile      string  // with a key: certificates (PEM) to verify its API's with; "" is the system's
	Provider      string  // RAGTIME_PROVIDER of the functions, for the real API and for the stand-in
	Settings      string  // RAGTIME_PROVIDER_SETTINGS of the functions: see docs/providers.md
	Pace          float64 // tokens a second of the stand-in's chat completions; 0 is as fast as the client reads

	PerProcess int               // invocations that one function process serves at once, as lambda.Function.PerProcess; 1
	Parameters map[string]string // values of the template's parameters, in place of their defaults
	Address    netip.Addr        // IPv4 address of this machine at which the services listen; the zero value is 127.0.0.1
	Plain      bool              // the services speak without TLS, as they always do on macOS and Windows
	SecretKey  bool              // the functions fetch the key from Secrets Manager, as in a deployed stack
	Log        func(lambda.Line) // receives every log line of functions and platform

	// WrapDynamoDB wraps the table's handler, for tests that make it fail.
	WrapDynamoDB func(http.Handler) http.Handler
}

// System is a running Ragtime.
type System struct {
	URL      string // of the API
	Template *gateway.Template
	Lambda   *lambda.Service
	XRay     *xray.Daemon
	// Network is between the functions and the services openai, chat, dynamodb and
	// secretsmanager. openai and chat are both the stand-in, for embeddings and for
	// answers. A real OpenAI is not on this network.
	Network *network.Network

	// Environment has the variables with which the functions find the services. They
	// override those of the template.
	Environment map[string]string

	// StandIn answers as openai and chat; nil with a real OpenAI.
	StandIn *openai.StandIn

	toolServices []toolService
	log          page.Log
	close        []func() error // called in reverse order
}

// Start starts everything. On an error it stops what it has started.
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
	s.onClose(g.Close)
	s.URL, err = s.serve(net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)), s.routes(g, s.newPage(o, g)))
	return s, err
}

// onClose has Close call f.
func (s *System) onClose(f func()) {
	s.close = append(s.close, func() error {
		f()
		return nil
	})
}

// newPage returns the local page. It has the faults of Secrets Manager only if the
// functions use it.
func (s *System) newPage(o Options, api http.Handler) http.Handler {
	var hosts []*network.Host
	for _, service := range []string{"openai", "chat", "dynamodb", "secretsmanager"} {
		if h := s.Network.Host(service); h != nil && (service != "secretsmanager" || o.SecretKey) {
			hosts = append(hosts, h)
		}
	}
	p := page.New(api, s.XRay, &s.log, s.endIdle, hosts...)
	s.onClose(p.Close)
	return p
}

// endIdle kills the functions' idle processes. A process that gets an invocation at
// this very moment fails it.
func (s *System) endIdle() {
	for _, f := range s.Template.Functions {
		for _, e := range s.Lambda.Environments(f.Name) {
			if e.State == "frozen" {
				e.Kill()
			}
		}
	}
}

// routes sends a request to the gateway, or to a handler of this machine's own paths.
// page.Guard refuses requests of other sites' pages, which could else read and delete
// documents and spend a key. This is no ServeMux, since that would clean the gateway's
// paths.
func (s *System) routes(api, local http.Handler) http.Handler {
	control := http.StripPrefix(ControlPath, s.Network)
	services := s.toolHandler()
	return page.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path + "/"
		switch {
		case r.URL.Path == "/" && r.Method == http.MethodGet &&
			strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, page.Path, http.StatusSeeOther) // for browsers; the API has nothing at /
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
	// maxProcesses is how many processes a function may have at once, of some 35 MB each.
	maxProcesses = 24
	// busyWait is how long a request waits while all of them are busy. Together with the
	// function's own 28 s the request still ends.
	busyWait = 20 * time.Second
)

// startFunctions starts the Lambda service with the template's functions. Their
// processes start with their first invocations.
func (s *System) startFunctions(o Options, env map[string]string) error {
	var functions []lambda.Function
	for _, f := range s.Template.Functions {
		binary := filepath.Join(o.Root, "build", f.Name, "bootstrap")
		if _, err := os.Stat(binary); err != nil {
			return fmt.Errorf("function %s is not built: %w; run make build", f.Name, err)
		}
		merged := maps.Clone(f.Environment)
		maps.Copy(merged, env)
		functions = append(functions, lambda.Function{
			Name:        f.Name,
			Alias:       f.LogicalID,
			Binary:      binary,
			Env:         merged,
			Timeout:     f.Timeout,
			MemoryMB:    f.MemoryMB,
			Concurrency: maxProcesses,
			Wait:        busyWait,
			PerProcess:  o.PerProcess,
			JSONLogs:    true,
		})
	}
	var err error
	s.Lambda, err = lambda.New(functions, lambda.Options{
		Region:     region,
		XRayDaemon: s.XRay.Addr(),
		Log:        s.logTo(o.Log),
	})
	if err != nil {
		return err
	}
	s.onClose(s.Lambda.Close)
	s.addTool("lambda", "", s.Lambda)
	return nil
}

// logTo returns a function that gives a log line to the page, and to also unless that is nil.
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

// Close stops everything, in the reverse order of starting.
func (s *System) Close() error {
	var errs []error
	for i := len(s.close) - 1; i >= 0; i-- {
		errs = append(errs, s.close[i]())
	}
	s.close = nil
	return errors.Join(errs...)
}

var _ gateway.Streamer = invoker{}

// invoker adapts the Lambda service to the gateway.
type invoker struct {
	service *lambda.Service
	log     func(lambda.Line)
}

// logThrottled logs that a function was throttled, which the gateway's 500 does not say.
func (i invoker) logThrottled(function string) {
	text := fmt.Sprintf(`{"level":"WARN","msg":"throttled","function":%q,"detail":"all %d processes were busy for %.0f s: `+
		`ask with fewer clients at once, or end the hang that keeps them busy"}`,
		function, maxProcesses, busyWait.Seconds())
	i.log(lambda.Line{
		Time:     time.Now(),
		Function: function,
		Text:     text,
		Platform: true,
	})
}

func (i invoker) Invoke(ctx context.Context, function string, payload []byte, traceID string) ([]byte, error) {
	r, err := i.service.Invoke(ctx, function, lambda.Invocation{Payload: payload, TraceID: traceID})
	return r.Payload, i.gatewayError(function, err)
}

func (i invoker) InvokeStream(
	ctx context.Context, function string, payload []byte, traceID string,
) (io.ReadCloser, error) {
	r, err := i.service.InvokeStream(ctx, function, lambda.Invocation{Payload: payload, TraceID: traceID})
	if err != nil {
		return nil, i.gatewayError(function, err)
	}
	return r, nil
}

// gatewayError turns an error of the Lambda service into one of the gateway's.
func (i invoker) gatewayError(function string, err error) error {
	if errors.Is(err, lambda.ErrThrottled) {
		i.logThrottled(function)
		err = fmt.Errorf("%w: %w", gateway.ErrThrottled, err)
	}
	return err
}
