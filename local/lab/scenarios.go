package lab

import (
	"net/http"
	"slices"
	"time"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

// wish is how long the requests of most scenarios are ready to wait: long enough
// for several attempts, short enough to run them all.
const wish = 4 * time.Second

// Scenarios lists what the lab runs, in the order of the way that a request takes.
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
	all = append(all, Scenario{Name: "retrieve openai wait-silent, whole budget", Function: "retrieve", Service: "openai",
		Faults: always("wait-silent"), Want: Want{Status: http.StatusGatewayTimeout, Problem: "timeout", Step: fault.StepEmbed, Phases: []fault.Phase{fault.PhaseWait}}})
	all = append(all, Scenario{Name: "embed dynamodb 1 MiB under the limits of a partition", Function: "embed", Service: "dynamodb",
		Faults: always("partition-limited"), largestDocument: true, Want: Want{Status: http.StatusOK}})
	return append(all, loadScenarios()...)
}

func always(name string) []network.Fault { return []network.Fault{{Name: name}} }

func once(name string) []network.Fault { return []network.Fault{{Name: name, Times: 1}} }

func (s Scenario) step() fault.Step { return stepOf(s.Function, s.Service) }

// stepOf is the one in which a function meets a fault of a service.
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

// hangScenarios are faults that last: the request ends on time, and names where it hung.
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
		s := Scenario{Name: function + " " + service + " " + h.name, Function: function, Service: service, Faults: always(h.name), wait: wish,
			Want: Want{Status: http.StatusGatewayTimeout, Problem: "timeout", Step: stepOf(function, service), Phases: h.phases}}
		if h.name == "send-stalls" {
			// What is asked of DynamoDB first is small: the kernel takes all of it.
			if s.largeRequest = service == "openai"; !s.largeRequest {
				s.Name, s.Want.Phases = s.Name+", small request", []fault.Phase{fault.PhaseWait}
			}
		}
		out = append(out, s)
	}
	return out
}

// failureScenarios are faults that last and are answered: the request fails with the
// problem that fits, at once or after the attempts that may help.
func failureScenarios(function, service string) (out []Scenario) {
	at := stepOf(function, service)
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
		out = append(out, Scenario{Name: function + " " + service + " " + b.name, Function: function, Service: service, Faults: always(b.name), wait: wish,
			Want: Want{Status: b.status, Problem: b.problem, Step: at, Phases: b.phases, Promptly: true}})
	}
	return out
}

// survivedScenarios are faults that another attempt survives.
func survivedScenarios(function, service string) []Scenario {
	ok := Want{Status: http.StatusOK}
	s := func(name string, faults []network.Fault, want Want) Scenario {
		return Scenario{Name: function + " " + service + " " + name, Function: function, Service: service, Faults: faults, wait: wish, Want: want}
	}
	out := []Scenario{
		s("connect-first-silent", always("connect-first-silent"), ok),
		s("first of two addresses stopped", always("first-stopped"), Want{Status: http.StatusOK, Within: time.Second}),
		s("first of two addresses silent", always("first-silent"), Want{Status: http.StatusOK, Within: 1200 * time.Millisecond}),
		s("first of two DNS servers silent", always("dns-first-silent"), Want{Status: http.StatusOK, Within: 1200 * time.Millisecond}),
		s("no answer for IPv6", always("dns-ipv6-silent"), Want{Status: http.StatusOK, Within: 500 * time.Millisecond}),
		s("goaway once", once("goaway"), ok),
		s("reset once", once("reset"), ok),
		s("answer-503 once", once("answer-503"), ok),
		s("server-error once", once("server-error"), ok),
		s("tls-silent once", once("tls-silent"), ok),
		s("receive-half once", once("receive-half"), ok),
		s("slow", []network.Fault{{Name: "slow", MinMS: 300, MaxMS: 600}}, ok),
		s("first attempt hangs", once("wait-silent"), Want{Status: http.StatusOK, Over: 600 * time.Millisecond}),
	}
	dead := s("connection dead", always("connection-dead"), Want{Status: http.StatusOK, Over: 600 * time.Millisecond})
	dead.pooled = true
	rested := s("connection dead after 10 s of rest", always("connection-dead"), ok)
	rested.freeze = 10 * time.Second
	hurried := s("first attempt hangs, after 4 clients in a hurry whose requests hung", once("wait-silent"), Want{Status: http.StatusOK, Within: 1200 * time.Millisecond})
	hurried.hurriedClients, hurried.wait = 4, 0 // a client with a wish of its own has their ration
	beside := hurried
	beside.Name, beside.hurriedClients, beside.shared = function+" "+service+" first attempt hangs, after 20 clients in a hurry in the same process whose requests hung", 20, true
	frozen := s("connection dead after a freeze of 3 s", always("connection-dead"), Want{Status: http.StatusOK, Over: 150 * time.Millisecond})
	frozen.freeze = 3200 * time.Millisecond
	return append(out, rested, hurried, beside, dead, frozen)
}

// answerScenarios are what OpenAI and DynamoDB may say.
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
		s := Scenario{Name: function + " " + a.service + " " + a.name, Function: function, Service: a.service, Faults: a.faults, wait: wish,
			Want: Want{Status: a.status, Problem: a.problem, Promptly: a.status != 200 && a.name != "throttled always"}} // which is waited out
		if a.status != 200 {
			s.Want.Step, s.Want.Phases = stepOf(function, a.service), []fault.Phase{fault.PhaseReceive}
		}
		out = append(out, s)
	}
	return out
}

// secretScenarios are faults of Secrets Manager, which only a process that starts asks.
func secretScenarios(function string) []Scenario {
	timeout := Want{Status: http.StatusGatewayTimeout, Problem: "timeout", Step: fault.StepSecret}
	var out []Scenario
	for name, phase := range map[string]fault.Phase{"dns-silent": fault.PhaseDNS, "tls-silent": fault.PhaseTLS, "wait-silent": fault.PhaseWait} {
		want := timeout
		want.Phases = []fault.Phase{phase}
		out = append(out, Scenario{Name: function + " secretsmanager " + name + " at cold start", Function: function, Service: "secretsmanager",
			Faults: always(name), Want: want, wait: wish, cold: true})
	}
	slices.SortFunc(out, func(a, b Scenario) int { return len(a.Name) - len(b.Name) })
	return append(out, Scenario{Name: function + " secretsmanager first attempt hangs at cold start", Function: function, Service: "secretsmanager",
		Faults: once("wait-silent"), Want: Want{Status: http.StatusOK}, wait: wish, cold: true})
}

// loadScenarios are many requests against OpenAI when some of its answers hang.
func loadScenarios() []Scenario {
	quick := network.Fault{Name: "slow", MinMS: 40, MaxMS: 80}
	usual := network.Fault{Name: "slow", MinMS: 200, MaxMS: 600}
	hang := func(share float64) network.Fault { return network.Fault{Name: "wait-silent", Share: share} }
	s := func(name string, l load, faults ...network.Fault) Scenario {
		return Scenario{Name: "retrieve openai " + name, Function: "retrieve", Service: "openai", Faults: faults, load: &l}
	}
	return []Scenario{
		s("5 % hang, healthy 40 to 80 ms", load{requests: 800, ok: 1, tailFactor: 4, extra: 0.12}, quick, hang(0.05)),
		s("20 % hang, healthy 40 to 80 ms", load{requests: 400, wait: 3 * time.Second, ok: 0.9, extra: 0.55}, quick, hang(0.20)),
		s("healthy, 0.2 to 0.6 s", load{requests: 400, ok: 1, extra: 0.05}, usual),
		s("5 % hang, healthy 0.2 to 0.6 s", load{requests: 1200, ok: 1, p99: 1100 * time.Millisecond, extra: 0.12}, usual, hang(0.05)),
		s("5 % hang, 32 clients in one process, healthy 0.2 to 0.6 s", load{requests: 1600, shared: true, ok: 1, p99: 1300 * time.Millisecond, extra: 0.12}, usual, hang(0.05)),
		s("5 % hang, 32 clients in one process, a third with wait=1, healthy 0.2 to 0.6 s",
			load{requests: 1600, shared: true, hurried: true, ok: 1, p99: 1300 * time.Millisecond, extra: 0.15}, usual, hang(0.05)),
		s("outage", load{requests: 480, wait: time.Second, ok: 0, extra: 0.10}, network.Fault{Name: "wait-silent"}),
	}
}
