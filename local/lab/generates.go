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
		s.Want.Status = http.StatusOK
		out = append(out, wholeAndStreamed(s)...)
	}
	// The search succeeds, but not the read that says which of its chunks are current.
	unreadable := newScenario("answer", "dynamodb", "read-silent", always("read-silent"), Want{
		Status:  http.StatusOK,
		Problem: "timeout",
		Step:    fault.StepSearch,
		Phases:  []fault.Phase{fault.PhaseWait},
	})
	return append(out, wholeAndStreamed(unreadable)...)
}

// wholeAndStreamed returns a scenario of a question twice: whole and streamed.
func wholeAndStreamed(s Scenario) []Scenario {
	s.wait = answerWish
	streamed := s
	streamed.Name += ", streamed"
	streamed.stream = true
	return []Scenario{s, streamed}
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
