// Package diagnose walks the way to each remote service, phase by phase, and
// tells where it is not open, and why that usually is.
//
//	targets := diagnose.Run(ctx, diagnose.Services(cfg, chat), diagnose.Options{Resolver: cfg.Resolver})
//
// Each address that DNS gives for a service is a target of its own, with a
// connection of its own: nothing is shared, pooled or tried again. So one silent
// address among several shows as itself, where a request would pass it by.
//
// What is asked is a GET without credentials: it spends no tokens and needs no
// permission. Any HTTP answer means that the way is open, and 401, 403 and 404
// are what one expects. Only a proxy gets the user and password that its own URL has.
//
// All targets are walked at once. Each phase has a limit of its own, and all of
// them end shortly before the context's deadline, so that one that hangs keeps
// nobody from hearing of the others. The walk is in the operation's record as the
// step that waits on the service, with an attempt an address; so log and trace of a
// diagnosis name the same step and phase as its answer.
package diagnose

import (
	"cmp"
	"context"
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/step"
)

// Service is a remote service to walk to.
type Service struct {
	Name string     // openai, chat, chat-fallback, dynamodb, search-dynamodb, secretsmanager
	Step fault.Step // of the operations, which waits on it
	URL  *url.URL   // what is asked with GET
}

// Target is the way to one address of a service, as far as it is open.
type Target struct {
	Name    string      `json:"name"`              // the service's
	Step    fault.Step  `json:"step"`              // the service's
	Host    string      `json:"host"`              // with the port, where the URL has one
	Address string      `json:"address,omitempty"` // IP address and port that was connected to; absent if none was found
	Proxy   string      `json:"proxy,omitempty"`   // URL of the proxy on the way; then resolver and address are of its host
	OK      bool        `json:"ok"`                // an HTTP answer came, whatever its status
	MS      float64     `json:"ms"`                // all phases together: what a request on a new connection waits, or waits in vain
	Phase   fault.Phase `json:"phase,omitempty"`   // where the way ends, if not ok
	Error   string      `json:"error,omitempty"`   // what was missing there, and what usually is the cause
	Phases  []Phase     `json:"phases"`            // dns (unless the host is an address), connect, tls (unless over http), send, wait, receive
}

// Phase is one phase of a way.
type Phase struct {
	Name   fault.Phase `json:"phase"`
	MS     float64     `json:"ms"`
	Detail string      `json:"detail"` // addresses, TLS version, protocol, certificate, status; may be empty if the way ends here
}

// Options tune a walk. The zero value is what a deployed function uses.
type Options struct {
	Resolver string                                // IP:port of a DNS server to ask instead of the system's
	Limits   map[fault.Phase]time.Duration         // in place of the default: 3 s up to phase send, 5 s for wait and receive
	Proxy    func(*http.Request) (*url.URL, error) // nil is http.ProxyFromEnvironment
	RootCAs  *x509.CertPool                        // nil is what the system trusts
}

// defaultLimits are as those of requests (package wire), where they have any. Their sum
// fits an operation's budget.
var defaultLimits = map[fault.Phase]time.Duration{
	fault.PhaseDNS:     3 * time.Second,
	fault.PhaseConnect: 3 * time.Second,
	fault.PhaseTLS:     3 * time.Second,
	fault.PhaseSend:    3 * time.Second,
	fault.PhaseWait:    5 * time.Second,
	fault.PhaseReceive: 5 * time.Second,
}

// keepForAnswer is what the walk leaves of the time that its context has.
const keepForAnswer = 200 * time.Millisecond

// Run walks to all services at once and returns before ctx ends. Targets that
// are not ok come first; apart from that they are in the order of the services
// and of the addresses as DNS gave them. Each service has one at least.
func Run(ctx context.Context, services []Service, o Options) []Target {
	targets := make([][]Target, len(services))
	var walking sync.WaitGroup
	for i, s := range services {
		walking.Go(func() { targets[i] = o.probeService(ctx, s) })
	}
	walking.Wait()
	all := slices.Concat(targets...)
	slices.SortStableFunc(all, func(a, b Target) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

func rank(t Target) int {
	if t.OK {
		return 1
	}
	return 0
}

// probeService walks to all addresses of a service, as a step of the operation.
func (o Options) probeService(ctx context.Context, s Service) (targets []Target) {
	err := step.Do(ctx, s.Step, keepForAnswer, func(ctx context.Context) error {
		var failed error
		for _, p := range o.probeAddresses(ctx, s) {
			targets = append(targets, p.target)
			if p.fault != nil && failed == nil {
				failed = p.fault
			}
		}
		return failed
	})
	if len(targets) == 0 { // too little time was left to begin
		return []Target{{
			Name:   s.Name,
			Step:   s.Step,
			Host:   s.URL.Host,
			Error:  fault.From(err).Detail,
			Phases: []Phase{},
		}}
	}
	return targets
}

// probeAddresses resolves the service's name once, and walks to all of its addresses at once.
func (o Options) probeAddresses(ctx context.Context, s Service) []*probe {
	ctx, a := evidence.NewAttempt(ctx, 1)
	first := newProbe(o, s, a)
	all := []*probe{first}
	addresses := first.resolve(ctx)
	if len(addresses) == 0 {
		first.close()
		return all
	}
	for range addresses[1:] {
		_, a := evidence.NewAttempt(ctx, 1) // each is a call of its own, not another attempt of the first one
		all = append(all, first.fork(a))
	}
	var walking sync.WaitGroup
	for i, address := range addresses {
		walking.Go(func() {
			all[i].run(ctx, address)
			all[i].close()
		})
	}
	walking.Wait()
	return all
}
