package openai

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
)

// Billed is what chat requests would have cost since the stand-in was made.
type Billed struct {
	Begun            int `json:"begun"`             // valid requests, which are paid for
	Repeated         int `json:"repeated"`          // those of Begun with model and messages of an earlier one: paid for twice
	Open             int `json:"open"`              // those of Begun that are still being answered
	Completed        int `json:"completed"`         // those of Begun that were answered to the end; the rest broke off
	PromptTokens     int `json:"prompt_tokens"`     // of all in Begun
	CompletionTokens int `json:"completion_tokens"` // produced, received or not
}

// Billed returns what was billed so far.
func (s *StandIn) Billed() Billed {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	return s.meter.billed
}

// Counted returns Billed for the control of the network: it makes StandIn a network.Counter.
func (s *StandIn) Counted() any { return map[string]Billed{"chat": s.Billed()} }

// SetPace sets how fast chat completions come that begin from now on. 0, which is the
// default, is as fast as the client reads.
func (s *StandIn) SetPace(tokensPerSecond float64) {
	s.pace.bits.Store(math.Float64bits(tokensPerSecond))
}

type pace struct{ bits atomic.Uint64 }

func (p *pace) tokensPerSecond() float64 { return math.Float64frombits(p.bits.Load()) }

// meter counts what chat requests cost.
type meter struct {
	mu       sync.Mutex
	billed   Billed
	requests map[uint64]bool // hashes of requests
	recent   []uint64        // the keys of requests, as a ring
	next     int             // the index in recent that is replaced next
}

// maxRemembered is the number of requests in which a repeated one is noticed.
const maxRemembered = 1 << 16

var seed = maphash.MakeSeed()

func (m *meter) begin(r chatRequest) {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteString(r.model)
	for _, message := range r.messages {
		h.WriteByte(0)
		h.WriteString(message.role)
		h.WriteByte(0)
		h.WriteString(message.text)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.billed.Begun++
	m.billed.Open++
	m.billed.PromptTokens += r.promptTokens
	if m.remember(h.Sum64()) {
		m.billed.Repeated++
	}
}

// remember reports whether a request is known already, and remembers it.
func (m *meter) remember(request uint64) bool {
	if m.requests[request] {
		return true
	}
	if m.requests == nil {
		m.requests = map[uint64]bool{}
	}
	m.requests[request] = true
	if len(m.recent) < maxRemembered {
		m.recent = append(m.recent, request)
		return false
	}
	delete(m.requests, m.recent[m.next])
	m.recent[m.next] = request
	m.next = (m.next + 1) % maxRemembered
	return false
}

func (m *meter) addTokens(tokens int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.billed.CompletionTokens += tokens
}

func (m *meter) end(completed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.billed.Open--
	if completed {
		m.billed.Completed++
	}
}
