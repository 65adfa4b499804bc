// Package lambda is the Lambda service on a developer's machine. It runs function binaries built for
// provided.al2023 as real processes, serves them the Runtime API (2018-06-01), freezes them between
// invocations and kills them at their timeout, so that what breaks in Lambda breaks here too.
//
// An environment is one process and the invocations that it serves: one at a time, unless Function.PerProcess is
// more. Each environment has a Runtime API listener of its own on a loopback port. AWS_LAMBDA_RUNTIME_API holds a host
// and a port and no path, so only the port can tell which process asks for its next invocation.
//
// What differs from Lambda:
//   - Memory is reported but not limited.
//   - There is no second ("suppressed") init after a failed one.
//   - Streamed responses are not slowed to 2 MB/s after their first 6 MB.
//   - A function learns that the reader of its streamed response has left (Stream).
//   - There are no extensions and no versions, and an asynchronous invocation runs at once or not at all.
package lambda

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// Function is one deployed function. Name and Binary are required; for the rest, zero is the stated default.
type Function struct {
	Name        string
	Alias       string            // another name in the Invoke API, such as its logical id in a template; empty for none
	Binary      string            // path of the bootstrap program; its folder becomes the working directory
	Env         map[string]string // the configured environment; names that Lambda reserves are refused by New
	Timeout     time.Duration     // longest invocation, init not included; 3 s
	MemoryMB    int               // set in the function's environment and reported, not enforced; 128
	Concurrency int               // most processes at once; 10

	// Wait is how long a call waits for a process while all are busy. Lambda would start more instead, up to the
	// account's 1,000, for which one machine has no memory. With 0 the call is throttled at once, as in Lambda under
	// reserved concurrency.
	Wait time.Duration

	// PerProcess is the most invocations that one process serves at once; 1. A process with more is never frozen, as
	// on Lambda Managed Instances.
	PerProcess int

	JSONLogs bool // LogFormat JSON, for the platform's lines and in the function's environment
}

// Options tune a Service. The zero value is useful.
type Options struct {
	Region      string        // us-east-1
	XRayDaemon  string        // host:port for AWS_XRAY_DAEMON_ADDRESS of the functions; empty leaves it unset
	IdleTimeout time.Duration // a frozen process is killed after this time without an invocation; 5 minutes
	InitTimeout time.Duration // longest time from process start to its first request for an invocation; 10 s

	// Log receives every line that a process writes to stdout or stderr, and the platform's own lines. Calls
	// never overlap. It must return soon, since a function waits when its log is not read, and must not call
	// the Service. Nil discards.
	Log func(Line)
}

// Line is one line of a function's log, without its line break.
type Line struct {
	Time      time.Time
	Function  string
	LogStream string // names the environment, as Environment.LogStream
	RequestID string // of the invocation under way; empty during init
	Text      string
	Platform  bool // written by the service, not by the function
}

// Environment is a snapshot of one process of a function.
type Environment struct {
	LogStream string
	PID       int    // also the id of its process group; 0 until the process has started
	State     string // "starting", "busy", "frozen", or "retired": it ends, having served several at once

	environment *environment
}

// Kill ends the process with SIGKILL and returns when it is gone. An invocation under way fails with
// Runtime.ExitError. Killing an environment that is gone already does nothing.
func (e Environment) Kill() {
	if e.environment == nil {
		return
	}
	select {
	case e.environment.kill <- struct{}{}:
	case <-e.environment.gone:
	}
	<-e.environment.gone
}

// Service runs functions. Its methods may be called concurrently. It is also an http.Handler, for the
// Invoke API.
type Service struct {
	options Options
	pools   map[string]*pool
	starter *starter
	api     *http.ServeMux

	closing   chan struct{} // closed by Close
	closeOnce sync.Once
	running   sync.WaitGroup // one for each environment

	mu     sync.Mutex // guards closed, and the contents of every pool and environment.state
	closed bool

	logMu sync.Mutex
	tails map[string]*tailBuffer // by request id; guarded by logMu
}

// New returns a Service for functions. It starts no process: the first invocation does. Close must be called.
// All mistakes in functions are reported at once.
func New(functions []Function, o Options) (*Service, error) {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 5 * time.Minute
	}
	if o.InitTimeout <= 0 {
		o.InitTimeout = 10 * time.Second
	}
	s := &Service{
		options: o,
		pools:   make(map[string]*pool),
		closing: make(chan struct{}),
		tails:   make(map[string]*tailBuffer),
	}
	var mistakes []error
	if o.XRayDaemon != "" {
		if _, _, err := net.SplitHostPort(o.XRayDaemon); err != nil {
			mistakes = append(mistakes, fmt.Errorf("lambda: Options.XRayDaemon: want host:port: %w", err))
		}
	}
	for _, f := range functions {
		f, err := f.withDefaults()
		if err == nil && s.pools[f.Name] != nil {
			err = fmt.Errorf("lambda: function %s is given twice", f.Name)
		}
		mistakes = append(mistakes, err)
		s.pools[f.Name] = &pool{function: f, all: make(map[*environment]struct{})}
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	s.starter = newStarter()
	s.api = s.routes()
	return s, nil
}

func (f Function) withDefaults() (Function, error) {
	if f.Name == "" || f.Binary == "" {
		return f, fmt.Errorf("lambda: function %q: both Name and Binary (%q) are required", f.Name, f.Binary)
	}
	if err := checkEnv(f.Env); err != nil {
		return f, fmt.Errorf("lambda: function %s: %w", f.Name, err)
	}
	binary, err := filepath.Abs(f.Binary) // the process runs in another folder
	if err != nil {
		return f, fmt.Errorf("lambda: function %s: %w", f.Name, err)
	}
	f.Binary = binary
	if f.Timeout <= 0 {
		f.Timeout = 3 * time.Second
	}
	if f.MemoryMB <= 0 {
		f.MemoryMB = 128
	}
	if f.Concurrency <= 0 {
		f.Concurrency = 10
	}
	if f.PerProcess <= 0 {
		f.PerProcess = 1
	}
	return f, nil
}

// Environments returns the processes of a function, in no order; nil for an unknown function.
func (s *Service) Environments(function string) []Environment {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pools[function]
	if p == nil {
		return nil
	}
	var list []Environment
	for e := range p.all {
		list = append(list, Environment{LogStream: e.logStream, PID: e.pid, State: e.state, environment: e})
	}
	return list
}

// Close kills every process and returns when all of them, and all that served them, are gone. Invocations
// under way fail with ErrClosed. It may be called more than once.
func (s *Service) Close() {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true // from here on nothing is added to running
		s.mu.Unlock()
		close(s.closing)
	})
	s.running.Wait()
	s.starter.stop()
}
