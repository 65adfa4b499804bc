package fault

import "slices"

// Step is a part of an operation that waits on something outside.
type Step string

// The steps.
const (
	StepSecret   Step = "secret"
	StepEmbed    Step = "embed"
	StepSearch   Step = "search"
	StepStore    Step = "store"
	StepGenerate Step = "generate"
	StepRead     Step = "read"
)

// Phase is where an attempt is. All but PhaseBackoff are the timing names of
// the HAR format (http://www.softwareishard.com/blog/har-12-spec/#timings).
type Phase string

// The phases, in the order in which an attempt goes through them.
const (
	PhaseBackoff Phase = "backoff" // between attempts
	PhaseBlocked Phase = "blocked" // waiting for a connection
	PhaseDNS     Phase = "dns"
	PhaseConnect Phase = "connect"
	PhaseTLS     Phase = "tls"
	PhaseSend    Phase = "send"
	PhaseWait    Phase = "wait"    // request sent, no response byte yet
	PhaseReceive Phase = "receive" // response begun, not ended
)

var order = []Phase{PhaseBackoff, PhaseBlocked, PhaseDNS, PhaseConnect, PhaseTLS, PhaseSend, PhaseWait, PhaseReceive}

// Phases returns all phases, in the order in which an attempt goes through them.
func Phases() []Phase { return slices.Clone(order) }

// Before tells whether an attempt goes through p before q.
func (p Phase) Before(q Phase) bool { return slices.Index(order, p) < slices.Index(order, q) }

var meaning = map[Phase]string{
	PhaseBackoff: "pausing before the next attempt",
	PhaseBlocked: "no connection free",
	PhaseDNS:     "no answer from the resolver",
	PhaseConnect: "no TCP connection",
	PhaseTLS:     "TLS handshake unfinished",
	PhaseSend:    "request not taken",
	PhaseWait:    "no response byte",
	PhaseReceive: "response unfinished",
}

// Meaning says in a few words what has not happened yet in the phase, for the reader of a
// timeout.
func (p Phase) Meaning() string { return meaning[p] }

// Outcome is how an operation, a step or an attempt ended.
type Outcome string

// The outcomes.
const (
	OK       Outcome = "ok"
	TimedOut Outcome = "timeout"
	Failed   Outcome = "error"
)

// Attempt is one attempt, as problem documents and logs show it.
type Attempt struct {
	Call       int    `json:"call,omitempty"` // which of the step's calls, from 1; 0 if it made only one
	Attempt    int    `json:"attempt"`        // which of the call's attempts, from 1
	Phase      Phase  `json:"phase,omitempty"`
	Connection string `json:"connection,omitempty"` // "new" or "reused"; empty before there was one
	ElapsedMS  int64  `json:"elapsed_ms"`
	Error      string `json:"error,omitempty"` // why it failed, without content of the request
}
