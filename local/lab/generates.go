package lab

import (
	"net/http"
	"strings"
	"time"

	"ragtime/shared/fault"
)

// patience is how long the requests of answers are ready to wait: what finds keeps half
// of it for the model.
const patience = 6 * time.Second

// generates are faults of the model that writes answers: what was found is given
// all the same, on time, with the step, the phase and the reason of what it lacks.
func generates() (out []Scenario) {
	for _, stream := range []bool{false, true} {
		s := func(name string, want Want) Scenario {
			s := Scenario{Name: "answer chat " + name, Function: "answer", Service: "chat", stream: stream, wait: patience, Faults: on(name), Want: want}
			if name, ok := strings.CutSuffix(name, " once"); ok {
				s.Faults = once(name)
			}
			if stream {
				s.Name += ", streamed"
			}
			return s
		}
		lacks := func(name, kind string, phases ...fault.Phase) {
			want := Want{Status: http.StatusOK, Problem: kind, Step: fault.StepGenerate, Phases: phases, Promptly: kind != "timeout"}
			out = append(out, s(name, want))
		}
		lacks("dns-silent", "timeout", fault.PhaseDNS)
		lacks("connect-silent", "timeout", fault.PhaseConnect)
		lacks("tls-silent", "timeout", fault.PhaseTLS)
		lacks("wait-silent", "timeout", fault.PhaseWait)
		lacks("receive-silent", "timeout", fault.PhaseReceive)
		lacks("receive-half", "timeout", fault.PhaseReceive)
		lacks("receive-drip", "timeout", fault.PhaseReceive)
		lacks("server-stopped", "timeout", fault.PhaseTLS)
		lacks("dns-fails", "unavailable", fault.PhaseDNS)
		lacks("goaway", "unavailable", fault.PhaseWait, fault.PhaseReceive)
		lacks("reset", "unavailable", fault.PhaseWait, fault.PhaseReceive)
		lacks("redirect-loop", "upstream", fault.PhaseReceive)
		lacks("connect-refused", "unavailable", fault.PhaseConnect)
		lacks("certificate-wrong", "upstream", fault.PhaseTLS)
		lacks("html", "upstream", fault.PhaseReceive)
		lacks("answer-503", "unavailable", fault.PhaseReceive)
		lacks("rate-limited-long", "rate-limited", fault.PhaseReceive)
		lacks("quota-exhausted", "quota-exhausted", fault.PhaseReceive)
		lacks("unauthorized", "upstream", fault.PhaseReceive)
		lacks("server-error-hangs", "unavailable", fault.PhaseReceive)
		for _, name := range []string{"chat-silent-start", "chat-silent-middle", "chat-keep-alive", "chat-keep-alive-middle", "chat-empty-deltas", "chat-slow"} {
			lacks(name, "timeout", fault.PhaseReceive)
		}
		for _, name := range []string{"chat-cut", "chat-broken", "chat-error-start", "chat-error-middle"} {
			lacks(name, "unavailable", fault.PhaseReceive)
		}
		for _, name := range []string{"chat-endless", "chat-garbage", "chat-tool-call", "chat-empty", "chat-other-form"} {
			lacks(name, "upstream", fault.PhaseReceive)
		}
		for _, name := range []string{"chat-no-done", "chat-no-finish", "chat-refusal", "chat-content-filter", "chat-length", "chat-usage-missing"} {
			out = append(out, s(name, Want{Status: http.StatusOK})) // an answer, as far as it goes
		}
		for _, name := range []string{"answer-503 once", "server-error once", "tls-silent once", "wait-silent once", "connection-dead"} {
			survived := s(name, Want{Status: http.StatusOK})
			survived.pooled = name == "connection-dead"
			survived.repeat = survived.pooled
			out = append(out, survived)
		}
	}
	return out
}
