package lab

import (
	"net/http"
	"slices"
	"time"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

// answerWish is the Prefer: wait of questions. Half of it is left for the model.
const answerWish = 6 * time.Second

// generateScenarios are faults of the model that writes answers. The answer comes on
// time with the passages, and names step, phase and reason for what it lacks. Each
// scenario comes twice: whole and streamed.
func generateScenarios() (out []Scenario) {
	for _, s := range slices.Concat(hangScenarios("answer", "chat"), failureScenarios("answer", "chat"), chatScenarios()) {
		s.wait = answerWish
		s.Want.Status = http.StatusOK
		out = append(out, s)
		s.Name += ", streamed"
		s.stream = true
		out = append(out, s)
	}
	// The index answers, and what tells which of its chunks count does not.
	for _, stream := range []bool{false, true} {
		s := Scenario{
			Name:     "answer dynamodb read-silent",
			Function: "answer",
			Service:  "dynamodb",
			Faults:   always("read-silent"),
			Want:     Want{Status: http.StatusOK, Problem: "timeout", Step: fault.StepSearch, Phases: []fault.Phase{fault.PhaseWait}},
			wait:     answerWish,
		}
		if s.stream = stream; stream {
			s.Name += ", streamed"
		}
		out = append(out, s)
	}
	return out
}

// chatScenarios are faults of what a model says, and faults of the network that are
// survived. A second attempt follows late here, since an answer costs money.
func chatScenarios() (out []Scenario) {
	add := func(name string, faults []network.Fault, want Want) *Scenario {
		out = append(out, newScenario("answer", "chat", name, faults, want))
		return &out[len(out)-1]
	}
	for _, lacks := range []struct {
		kind  string
		names []string
	}{
		{"rate-limited", []string{"rate-limited-long"}},
		{"quota-exhausted", []string{"quota-exhausted"}},
		{"timeout", []string{
			"chat-silent-start", "chat-silent-middle", "chat-keep-alive", "chat-keep-alive-middle",
			"chat-empty-deltas", "chat-slow",
		}},
		{"unavailable", []string{
			"server-error-hangs", "chat-cut", "chat-broken", "chat-error-start", "chat-error-middle",
		}},
		{"upstream", []string{
			"unauthorized", "chat-endless", "chat-garbage", "chat-tool-call", "chat-empty", "chat-other-form",
		}},
	} {
		for _, name := range lacks.names {
			add(name, always(name), Want{
				Problem:  lacks.kind,
				Step:     fault.StepGenerate,
				Phases:   []fault.Phase{fault.PhaseReceive},
				Promptly: lacks.kind != "timeout",
			})
		}
	}
	for _, name := range []string{
		"chat-no-done", "chat-no-finish", "chat-refusal", "chat-content-filter", "chat-length", "chat-usage-missing",
	} {
		add(name, always(name), Want{}) // an answer, perhaps a part of one
	}
	for _, name := range []string{"answer-503", "server-error", "tls-silent", "wait-silent"} {
		add(name+" once", once(name), Want{})
	}
	dead := add("connection-dead", always("connection-dead"), Want{})
	dead.pooled = true
	dead.mayRepeat = true
	return out
}
