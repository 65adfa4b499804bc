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
			all = append(all, hangs(function, service)...)
			all = append(all, breaks(function, service)...)
			all = append(all, survived(function, service)...)
		}
		all = append(all, answers(function)...)
		all = append(all, secrets(function)...)
	}
	all = append(all, generates()...)
	all = append(all, Scenario{Name: "retrieve openai wait-silent, whole budget", Function: "retrieve", Service: "openai",
		Faults: on("wait-silent"), Want: Want{Status: http.StatusGatewayTimeout, Problem: "timeout", Step: fault.StepEmbed, Phases: []fault.Phase{fault.PhaseWait}}})
	all = append(all, Scenario{Name: "embed dynamodb 1 MiB under the limits of a partition", Function: "embed", Service: "dynamodb",
		Faults: on("partition-limited"), full: true, Want: Want{Status: http.StatusOK}})
	return append(all, loads()...)
}

func on(name string) []network.Fault { return []network.Fault{{Name: name}} }

func once(name string) []network.Fault { return []network.Fault{{Name: name, Times: 1}} }

func (s Scenario) step() fault.Step { return step(s.Function, s.Service) }

// step is the one in which a function meets a fault of a service.
func step(function, service string) fault.Step {
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

// hangs are faults that last: the request ends on time, and names where it hung.
func hangs(function, service string) (out []Scenario) {
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
		s := Scenario{Name: function + " " + service + " " + h.name, Function: function, Service: service, Faults: on(h.name), wait: wish,
			Want: Want{Status: http.StatusGatewayTimeout, Problem: "timeout", Step: step(function, service), Phases: h.phases}}
		if h.name == "send-stalls" {
			// What is asked of DynamoDB first is small: the kernel takes all of it.
			if s.long = service == "openai"; !s.long {
				s.Name, s.Want.Phases = s.Name+", small request", []fault.Phase{fault.PhaseWait}
			}
		}
		out = append(out, s)
	}
	return out
}

// breaks are faults that last and are answered: the request fails with the
// problem that fits, at once or after the attempts that may help.
func breaks(function, service string) (out []Scenario) {
	at := step(function, service)
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
		out = append(out, Scenario{Name: function + " " + service + " " + b.name, Function: function, Service: service, Faults: on(b.name), wait: wish,
			Want: Want{Status: b.status, Problem: b.problem, Step: at, Phases: b.phases, Promptly: true}})
	}
	return out
}

// survived are faults that another attempt survives.
func survived(function, service string) []Scenario {
	ok := Want{Status: http.StatusOK}
	s := func(name string, faults []network.Fault, want Want) Scenario {
		return Scenario{Name: function + " " + service + " " + name, Function: function, Service: service, Faults: faults, wait: wish, Want: want}
	}
	out := []Scenario{
		s("connect-first-silent", on("connect-first-silent"), ok),
		s("first of two addresses stopped", on("first-stopped"), Want{Status: http.StatusOK, Within: time.Second}),
		s("first of two addresses silent", on("first-silent"), Want{Status: http.StatusOK, Within: 1200 * time.Millisecond}),
		s("first of two DNS servers silent", on("dns-first-silent"), Want{Status: http.StatusOK, Within: 1200 * time.Millisecond}),
		s("no answer for IPv6", on("dns-ipv6-silent"), Want{Status: http.StatusOK, Within: 500 * time.Millisecond}),
		s("goaway once", once("goaway"), ok),
		s("reset once", once("reset"), ok),
		s("answer-503 once", once("answer-503"), ok),
		s("server-error once", once("server-error"), ok),
		s("tls-silent once", once("tls-silent"), ok),
		s("receive-half once", once("receive-half"), ok),
		s("slow", []network.Fault{{Name: "slow", MinMS: 300, MaxMS: 600}}, ok),
		s("first attempt hangs", once("wait-silent"), Want{Status: http.StatusOK, Over: 600 * time.Millisecond}),
	}
	dead := s("connection dead", on("connection-dead"), Want{Status: http.StatusOK, Over: 600 * time.Millisecond})
	dead.pooled = true
	rested := s("connection dead after 10 s of rest", on("connection-dead"), ok)
	rested.freeze = 10 * time.Second
	hurried := s("first attempt hangs, after 4 clients in a hurry whose requests hung", once("wait-silent"), Want{Status: http.StatusOK, Within: 1200 * time.Millisecond})
	hurried.hurried, hurried.wait = 4, 0 // a client with a wish of its own has their ration
	beside := hurried
	beside.Name, beside.hurried, beside.shared = function+" "+service+" first attempt hangs, after 20 clients in a hurry in the same process whose requests hung", 20, true
	frozen := s("connection dead after a freeze of 3 s", on("connection-dead"), Want{Status: http.StatusOK, Over: 150 * time.Millisecond})
	frozen.freeze = 3200 * time.Millisecond
	return append(out, rested, hurried, beside, dead, frozen)
}

// answers are what OpenAI and DynamoDB may say.
func answers(function string) (out []Scenario) {
	for _, a := range []struct {
		service, name string
		faults        []network.Fault
		status        int
		problem       string
	}{
		{"openai", "429, short Retry-After, once", once("rate-limited"), 200, ""},
		{"openai", "429, short Retry-After, always", on("rate-limited"), 429, "rate-limited"},
		{"openai", "429, long Retry-After", on("rate-limited-long"), 429, "rate-limited"},
		{"openai", "quota exhausted", on("quota-exhausted"), 429, "quota-exhausted"},
		{"openai", "401", on("unauthorized"), 502, "upstream"},
		{"openai", "500 always", on("server-error"), 503, "unavailable"},
		{"openai", "truncated JSON", on("truncated"), 502, "upstream"},
		{"openai", "wrong count", on("wrong-count"), 502, "upstream"},
		{"openai", "wrong order", on("wrong-order"), 502, "upstream"},
		{"openai", "another order, allowed", on("permuted"), 200, ""},
		{"openai", "wrong dimension", on("wrong-dimension"), 502, "upstream"},
		{"openai", "NaN", on("not-finite"), 502, "upstream"},
		{"openai", "no index, allowed", on("no-index"), 200, ""},
		{"openai", "usage as text, borne", on("usage-as-text"), 200, ""},
		{"openai", "401 whose body hangs", on("unauthorized-hangs"), 502, "upstream"},
		{"openai", "429, long Retry-After, whose body hangs", on("rate-limited-hangs"), 429, "rate-limited"},
		{"openai", "500 whose body hangs", on("server-error-hangs"), 503, "unavailable"},
		{"openai", "500 with a text for an error", on("server-error-text"), 503, "unavailable"},
		{"openai", "503, long Retry-After", on("unavailable-long"), 503, "unavailable"},
		{"openai", "account not active", on("billing-not-active"), 429, "quota-exhausted"},
		{"openai", "redirect to another host", on("moved"), 502, "upstream"},
		{"openai", "64 MiB of numbers", on("huge-numbers"), 502, "upstream"},
		{"openai", "gzip bomb", on("gzip-bomb"), 502, "upstream"},
		{"dynamodb", "throttled once", once("throttled"), 200, ""},
		{"dynamodb", "throttled always", on("throttled"), 429, "rate-limited"},
		{"dynamodb", "500 always", on("server-error"), 503, "unavailable"},
	} {
		s := Scenario{Name: function + " " + a.service + " " + a.name, Function: function, Service: a.service, Faults: a.faults, wait: wish,
			Want: Want{Status: a.status, Problem: a.problem, Promptly: a.status != 200 && a.name != "throttled always"}} // which is waited out
		if a.status != 200 {
			s.Want.Step, s.Want.Phases = step(function, a.service), []fault.Phase{fault.PhaseReceive}
		}
		out = append(out, s)
	}
	return out
}

// secrets are faults of Secrets Manager, which only a process that starts asks.
func secrets(function string) []Scenario {
	timeout := Want{Status: http.StatusGatewayTimeout, Problem: "timeout", Step: fault.StepSecret}
	var out []Scenario
	for name, phase := range map[string]fault.Phase{"dns-silent": fault.PhaseDNS, "tls-silent": fault.PhaseTLS, "wait-silent": fault.PhaseWait} {
		want := timeout
		want.Phases = []fault.Phase{phase}
		out = append(out, Scenario{Name: function + " secretsmanager " + name + " at cold start", Function: function, Service: "secretsmanager",
			Faults: on(name), Want: want, wait: wish, cold: true})
	}
	slices.SortFunc(out, func(a, b Scenario) int { return len(a.Name) - len(b.Name) })
	return append(out, Scenario{Name: function + " secretsmanager first attempt hangs at cold start", Function: function, Service: "secretsmanager",
		Faults: once("wait-silent"), Want: Want{Status: http.StatusOK}, wait: wish, cold: true})
}

// loads are many requests against OpenAI when some of its answers hang.
func loads() []Scenario {
	quick := network.Fault{Name: "slow", MinMS: 40, MaxMS: 80}
	usual := network.Fault{Name: "slow", MinMS: 200, MaxMS: 600}
	hang := func(share float64) network.Fault { return network.Fault{Name: "wait-silent", Share: share} }
	s := func(name string, l load, faults ...network.Fault) Scenario {
		return Scenario{Name: "retrieve openai " + name, Function: "retrieve", Service: "openai", Faults: faults, load: &l}
	}
	return []Scenario{
		s("5 % hang, healthy 40 to 80 ms", load{requests: 800, ok: 1, tail: 4, extra: 0.12}, quick, hang(0.05)),
		s("20 % hang, healthy 40 to 80 ms", load{requests: 400, wait: 3 * time.Second, ok: 0.9, extra: 0.55}, quick, hang(0.20)),
		s("healthy, 0.2 to 0.6 s", load{requests: 400, ok: 1, extra: 0.05}, usual),
		s("5 % hang, healthy 0.2 to 0.6 s", load{requests: 1200, ok: 1, p99: 1100 * time.Millisecond, extra: 0.12}, usual, hang(0.05)),
		s("5 % hang, 32 clients in one process, healthy 0.2 to 0.6 s", load{requests: 1600, shared: true, ok: 1, p99: 1300 * time.Millisecond, extra: 0.12}, usual, hang(0.05)),
		s("5 % hang, 32 clients in one process, a third with wait=1, healthy 0.2 to 0.6 s",
			load{requests: 1600, shared: true, hurried: true, ok: 1, p99: 1300 * time.Millisecond, extra: 0.15}, usual, hang(0.05)),
		s("outage", load{requests: 480, wait: time.Second, ok: 0, extra: 0.10}, network.Fault{Name: "wait-silent"}),
	}
}
