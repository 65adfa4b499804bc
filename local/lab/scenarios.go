package lab

import (
	"net/http"
	"time"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

// wish is the Prefer: wait of most scenarios. It is long enough for several attempts,
// and short enough to run all scenarios.
const wish = 4 * time.Second

// Scenarios returns all that the lab runs, in the order in which a request meets the
// services.
func Scenarios() []Scenario {
	var all []Scenario
	for _, function := range []string{"retrieve", "embed"} {
		for _, service := range []string{"openai", "dynamodb"} {
			all = append(all, hangScenarios(function, service)...)
			all = append(all, failureScenarios(function, service)...)
			all = append(all, survivedScenarios(function, service)...)
		}
		all = append(all, answerScenarios(function)...)
		all = append(all, secretScenarios(function)...)
	}
	all = append(all, generateScenarios()...)
	all = append(all, newScenario("retrieve", "openai", "wait-silent, whole budget", always("wait-silent"), Want{
		Status:  http.StatusGatewayTimeout,
		Problem: "timeout",
		Step:    fault.StepEmbed,
		Phases:  []fault.Phase{fault.PhaseWait},
	}))
	largest := newScenario("embed", "dynamodb", "1 MiB under the limits of a partition", always("partition-limited"),
		Want{Status: http.StatusOK})
	largest.largestDocument = true
	all = append(all, largest)
	return append(all, loadScenarios()...)
}

// newScenario returns a scenario whose name begins with the function and the service.
func newScenario(function, service, name string, faults []network.Fault, want Want) Scenario {
	return Scenario{
		Name:     function + " " + service + " " + name,
		Function: function,
		Service:  service,
		Faults:   faults,
		Want:     want,
	}
}

func always(name string) []network.Fault { return []network.Fault{{Name: name}} }

func once(name string) []network.Fault { return []network.Fault{{Name: name, Times: 1}} }

func (s Scenario) step() fault.Step { return stepOf(s.Function, s.Service) }

// stepOf returns the step in which a function meets a fault of a service.
func stepOf(function, service string) fault.Step {
	switch {
	case service == "secretsmanager":
		return fault.StepSecret
	case service == "openai":
		return fault.StepEmbed
	case service == "chat":
		return fault.StepGenerate
	case function == "embed":
		return fault.StepRead
	}
	return fault.StepSearch
}

// hangScenarios are faults that last. The request ends on time and names where it hung.
func hangScenarios(function, service string) (out []Scenario) {
	for _, h := range []struct {
		name   string
		phases []fault.Phase
	}{
		{"dns-silent", []fault.Phase{fault.PhaseDNS}},
		{"connect-silent", []fault.Phase{fault.PhaseConnect}},
		{"tls-silent", []fault.Phase{fault.PhaseTLS}},
		{"send-stalls", []fault.Phase{fault.PhaseSend}},
		{"wait-silent", []fault.Phase{fault.PhaseWait}},
		{"receive-silent", []fault.Phase{fault.PhaseReceive}},
		{"receive-half", []fault.Phase{fault.PhaseReceive}},
		{"receive-drip", []fault.Phase{fault.PhaseReceive}},
		{"server-stopped", []fault.Phase{fault.PhaseTLS}},
	} {
		s := newScenario(function, service, h.name, always(h.name), Want{
			Status:  http.StatusGatewayTimeout,
			Problem: "timeout",
			Step:    stepOf(function, service),
			Phases:  h.phases,
		})
		s.wait = wish
		if h.name == "send-stalls" {
			s.largeRequest = service == "openai"
			if !s.largeRequest {
				// The first request to DynamoDB is small, so the kernel takes all of it.
				s.Name += ", small request"
				s.Want.Phases = []fault.Phase{fault.PhaseWait}
			}
		}
		out = append(out, s)
	}
	return out
}

// failureScenarios are faults that last and do not hang. The request fails with the
// problem that fits, at once or after the attempts that may help.
func failureScenarios(function, service string) (out []Scenario) {
	for _, b := range []struct {
		name    string
		status  int
		problem string
		phases  []fault.Phase
	}{
		{"dns-fails", http.StatusServiceUnavailable, "unavailable", []fault.Phase{fault.PhaseDNS}},
		{"connect-refused", http.StatusServiceUnavailable, "unavailable", []fault.Phase{fault.PhaseConnect}},
		{"certificate-wrong", http.StatusBadGateway, "upstream", []fault.Phase{fault.PhaseTLS}},
		{"goaway", http.StatusServiceUnavailable, "unavailable", []fault.Phase{fault.PhaseWait, fault.PhaseReceive}},
		{"reset", http.StatusServiceUnavailable, "unavailable", []fault.Phase{fault.PhaseWait, fault.PhaseReceive}},
		{"receive-endless", http.StatusBadGateway, "upstream", []fault.Phase{fault.PhaseReceive}},
		{"html", http.StatusBadGateway, "upstream", []fault.Phase{fault.PhaseReceive}},
		{"redirect-loop", http.StatusBadGateway, "upstream", []fault.Phase{fault.PhaseReceive}},
		{"answer-503", http.StatusServiceUnavailable, "unavailable", []fault.Phase{fault.PhaseReceive}},
	} {
		s := newScenario(function, service, b.name, always(b.name), Want{
			Status:   b.status,
			Problem:  b.problem,
			Step:     stepOf(function, service),
			Phases:   b.phases,
			Promptly: true,
		})
		s.wait = wish
		out = append(out, s)
	}
	return out
}

// survivedScenarios are faults that another attempt survives.
func survivedScenarios(function, service string) []Scenario {
	ok := Want{Status: http.StatusOK}
	within := func(d time.Duration) Want { return Want{Status: http.StatusOK, Within: d} }
	over := func(d time.Duration) Want { return Want{Status: http.StatusOK, Over: d} }
	scenario := func(name string, faults []network.Fault, want Want) Scenario {
		s := newScenario(function, service, name, faults, want)
		s.wait = wish
		return s
	}
	out := []Scenario{
		scenario("connect-first-silent", always("connect-first-silent"), ok),
		scenario("first of two addresses stopped", always("first-stopped"), within(time.Second)),
		scenario("first of two addresses silent", always("first-silent"), within(1200*time.Millisecond)),
		scenario("first of two DNS servers silent", always("dns-first-silent"), within(1200*time.Millisecond)),
		scenario("no answer for IPv6", always("dns-ipv6-silent"), within(500*time.Millisecond)),
		scenario("goaway once", once("goaway"), ok),
		scenario("reset once", once("reset"), ok),
		scenario("answer-503 once", once("answer-503"), ok),
		scenario("server-error once", once("server-error"), ok),
		scenario("tls-silent once", once("tls-silent"), ok),
		scenario("receive-half once", once("receive-half"), ok),
		scenario("slow", []network.Fault{{Name: "slow", MinMS: 300, MaxMS: 600}}, ok),
		scenario("first attempt hangs", once("wait-silent"), over(600*time.Millisecond)),
	}

	dead := scenario("connection dead", always("connection-dead"), over(600*time.Millisecond))
	dead.pooled = true

	rested := scenario("connection dead after 10 s of rest", always("connection-dead"), ok)
	rested.freeze = 10 * time.Second

	hurried := scenario("first attempt hangs, after 4 clients in a hurry whose requests hung", once("wait-silent"),
		within(1200*time.Millisecond))
	hurried.hurriedClients = 4
	hurried.wait = 0 // a request with a wish would share the ration of the hurried clients

	beside := scenario("first attempt hangs, after 20 clients in a hurry in the same process whose requests hung", once("wait-silent"),
		within(1200*time.Millisecond))
	beside.hurriedClients = 20
	beside.wait = 0
	beside.shared = true

	frozen := scenario("connection dead after a freeze of 3 s", always("connection-dead"), over(150*time.Millisecond))
	frozen.freeze = 3200 * time.Millisecond

	return append(out, rested, hurried, beside, dead, frozen)
}

// answerScenarios are what OpenAI and DynamoDB may answer.
func answerScenarios(function string) (out []Scenario) {
	for _, a := range []struct {
		service, name string
		faults        []network.Fault
		status        int
		problem       string
	}{
		{"openai", "429, short Retry-After, once", once("rate-limited"), 200, ""},
		{"openai", "429, short Retry-After, always", always("rate-limited"), 429, "rate-limited"},
		{"openai", "429, long Retry-After", always("rate-limited-long"), 429, "rate-limited"},
		{"openai", "quota exhausted", always("quota-exhausted"), 429, "quota-exhausted"},
		{"openai", "401", always("unauthorized"), 502, "upstream"},
		{"openai", "500 always", always("server-error"), 503, "unavailable"},
		{"openai", "truncated JSON", always("truncated"), 502, "upstream"},
		{"openai", "wrong count", always("wrong-count"), 502, "upstream"},
		{"openai", "wrong order", always("wrong-order"), 502, "upstream"},
		{"openai", "another order, allowed", always("permuted"), 200, ""},
		{"openai", "wrong dimension", always("wrong-dimension"), 502, "upstream"},
		{"openai", "NaN", always("not-finite"), 502, "upstream"},
		{"openai", "no index, allowed", always("no-index"), 200, ""},
		{"openai", "usage as text, borne", always("usage-as-text"), 200, ""},
		{"openai", "401 whose body hangs", always("unauthorized-hangs"), 502, "upstream"},
		{"openai", "429, long Retry-After, whose body hangs", always("rate-limited-hangs"), 429, "rate-limited"},
		{"openai", "500 whose body hangs", always("server-error-hangs"), 503, "unavailable"},
		{"openai", "500 with a text for an error", always("server-error-text"), 503, "unavailable"},
		{"openai", "503, long Retry-After", always("unavailable-long"), 503, "unavailable"},
		{"openai", "account not active", always("billing-not-active"), 429, "quota-exhausted"},
		{"openai", "redirect to another host", always("moved"), 502, "upstream"},
		{"openai", "64 MiB of numbers", always("huge-numbers"), 502, "upstream"},
		{"openai", "gzip bomb", always("gzip-bomb"), 502, "upstream"},
		{"dynamodb", "throttled once", once("throttled"), 200, ""},
		{"dynamodb", "throttled always", always("throttled"), 429, "rate-limited"},
		{"dynamodb", "500 always", always("server-error"), 503, "unavailable"},
	} {
		s := newScenario(function, a.service, a.name, a.faults, Want{Status: a.status, Problem: a.problem})
		s.wait = wish
		if a.status != 200 {
			s.Want.Step = stepOf(function, a.service)
			s.Want.Phases = []fault.Phase{fault.PhaseReceive}
			s.Want.Promptly = a.name != "throttled always" // a throttled step tries again until its end
		}
		out = append(out, s)
	}
	return out
}

// secretScenarios are faults of Secrets Manager. A process asks it only at its start.
func secretScenarios(function string) []Scenario {
	scenario := func(name string, faults []network.Fault, want Want) Scenario {
		s := newScenario(function, "secretsmanager", name+" at cold start", faults, want)
		s.wait = wish
		s.cold = true
		return s
	}
	timeout := func(phase fault.Phase) Want {
		return Want{
			Status:  http.StatusGatewayTimeout,
			Problem: "timeout",
			Step:    fault.StepSecret,
			Phases:  []fault.Phase{phase},
		}
	}
	return []Scenario{
		scenario("dns-silent", always("dns-silent"), timeout(fault.PhaseDNS)),
		scenario("tls-silent", always("tls-silent"), timeout(fault.PhaseTLS)),
		scenario("wait-silent", always("wait-silent"), timeout(fault.PhaseWait)),
		scenario("first attempt hangs", once("wait-silent"), Want{Status: http.StatusOK}),
	}
}

// loadScenarios are many requests while some of OpenAI's answers hang.
func loadScenarios() []Scenario {
	quick := network.Fault{Name: "slow", MinMS: 40, MaxMS: 80}
	usual := network.Fault{Name: "slow", MinMS: 200, MaxMS: 600}
	hang := func(share float64) network.Fault { return network.Fault{Name: "wait-silent", Share: share} }
	scenario := func(name string, l load, faults ...network.Fault) Scenario {
		s := newScenario("retrieve", "openai", name, faults, Want{})
		s.load = &l
		return s
	}
	return []Scenario{
		scenario("5 % hang, healthy 40 to 80 ms",
			load{requests: 800, ok: 1, tailFactor: 4, extra: 0.12},
			quick, hang(0.05)),
		scenario("20 % hang, healthy 40 to 80 ms",
			load{requests: 400, wait: 3 * time.Second, ok: 0.9, extra: 0.55},
			quick, hang(0.20)),
		scenario("healthy, 0.2 to 0.6 s",
			load{requests: 400, ok: 1, extra: 0.05},
			usual),
		scenario("5 % hang, healthy 0.2 to 0.6 s",
			load{requests: 1200, ok: 1, p99: 1100 * time.Millisecond, extra: 0.12},
			usual, hang(0.05)),
		scenario("5 % hang, 32 clients in one process, healthy 0.2 to 0.6 s",
			load{requests: 1600, shared: true, ok: 1, p99: 1300 * time.Millisecond, extra: 0.12},
			usual, hang(0.05)),
		scenario("5 % hang, 32 clients in one process, a third with wait=1, healthy 0.2 to 0.6 s",
			load{requests: 1600, shared: true, hurried: true, ok: 1, p99: 1300 * time.Millisecond, extra: 0.15},
			usual, hang(0.05)),
		scenario("outage",
			load{requests: 480, wait: time.Second, ok: 0, extra: 0.10},
			network.Fault{Name: "wait-silent"}),
	}
}
