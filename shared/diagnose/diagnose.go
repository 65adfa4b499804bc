// Package diagnose probes each remote service, phase by phase. It says in which phase a
// service cannot be reached, and what usually is the cause.
//
//	targets := diagnose.Run(ctx, diagnose.Services(cfg, chat), diagnose.Options{Resolver: cfg.Resolver})
//
// Each address that DNS returns for a service is a target with a connection of its own.
// No connection is pooled, and nothing is tried again. So one silent address among several
// shows, where a request would just use another one.
//
// A probe sends a GET without credentials, which costs no tokens and needs no permission.
// Any HTTP answer means that the service can be reached; 401, 403 and 404 are expected.
// Only a proxy gets credentials: those in its own URL.
//
// All targets are probed at once. Each phase has a limit, and all probes end shortly
// before the context's deadline, so that a target which hangs does not hide the others.
// A probe is recorded as the step that waits on the service, with an attempt for each
// address. So log and trace of a diagnosis name the same step and phase as its answer.
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

// Service is a remote service to probe.
type Service struct {
	Name string     // openai, chat, chat-fallback, dynamodb, search-dynamodb, secretsmanager
	Step fault.Step // that waits on the service in other operations
	URL  *url.URL   // of the GET
}

// Target is the result of a probe: of one address of a service.
type Target struct {
	Name    string      `json:"name"`              // the service's
	Step    fault.Step  `json:"step"`              // the service's
	Host    string      `json:"host"`              // with the port, where the URL has one
	Address string      `json:"address,omitempty"` // IP address and port; absent if none was found
	Proxy   string      `json:"proxy,omitempty"`   // URL of the proxy, if there is one; then Address is the proxy's
	OK      bool        `json:"ok"`                // an HTTP answer came, whatever its status
	MS      float64     `json:"ms"`                // all phases together
	Phase   fault.Phase `json:"phase,omitempty"`   // that failed, if not OK
	Error   string      `json:"error,omitempty"`   // what failed, and what usually is the cause
	Phases  []Phase     `json:"phases"`            // in their order; no dns for an IP address, no tls for http
}

// Phase is one phase of a probe.
type Phase struct {
	Name   fault.Phase `json:"phase"`
	MS     float64     `json:"ms"`
	Detail string      `json:"detail"` // addresses, TLS version, certificate, status; may be empty if the phase failed
}

// Options tune probes. A deployed function uses the zero value.
type Options struct {
	Resolver string                                // IP:port of a DNS server; "" is the system's
	Limits   map[fault.Phase]time.Duration         // in place of defaultLimits
	Proxy    func(*http.Request) (*url.URL, error) // nil is http.ProxyFromEnvironment
	RootCAs  *x509.CertPool                        // nil is those that the system trusts
}

// defaultLimits are those of wire.Limits, for the phases that have one there. Their sum
// fits into an operation's budget.
var defaultLimits = map[fault.Phase]time.Duration{
	fault.PhaseDNS:     3 * time.Second,
	fault.PhaseConnect: 3 * time.Second,
	fault.PhaseTLS:     3 * time.Second,
	fault.PhaseSend:    3 * time.Second,
	fault.PhaseWait:    5 * time.Second,
	fault.PhaseReceive: 5 * time.Second,
}

// keepForAnswer is the time that probes leave of what their context has.
const keepForAnswer = 200 * time.Millisecond

// Run probes all services at once, and returns before ctx ends. Targets that are not OK
// come first; otherwise the order is that of the services, and of the addresses as DNS
// returned them. Each service has at least one target.
func Run(ctx context.Context, services []Service, o Options) []Target {
	targets := make([][]Target, len(services))
	var probes sync.WaitGroup
	for i, s := range services {
		probes.Go(func() { targets[i] = o.probeService(ctx, s) })
	}
	probes.Wait()
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

// probeService probes all addresses of a service, as a step of the operation.
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

// probeAddresses resolves the service's name, and probes all of its addresses at once.
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
		_, a := evidence.NewAttempt(ctx, 1) // a call of its own, not another attempt of the first call
		all = append(all, first.fork(a))
	}
	var probes sync.WaitGroup
	for i, address := range addresses {
		probes.Go(func() {
			all[i].run(ctx, address)
			all[i].close()
		})
	}
	probes.Wait()
	return all
}
