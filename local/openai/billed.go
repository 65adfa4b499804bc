package openai

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
)

// Billed is what chat requests would have cost, since the stand-in was made.
type Billed struct {
	Begun            int `json:"begun"`             // requests that were valid, and so are paid for
	Repeated         int `json:"repeated"`          // of them, those that asked the same model the same as one before: paid for twice
	Open             int `json:"open"`              // of them, those still being answered
	Completed        int `json:"completed"`         // of them, those answered to the end; the rest broke off
	PromptTokens     int `json:"prompt_tokens"`     // of those begun
	CompletionTokens int `json:"completion_tokens"` // made, be they received or not
}

// Billed tells what was billed so far.
func (s *StandIn) Billed() Billed {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	return s.meter.billed
}

// Counted is Billed, for the control of the network.
func (s *StandIn) Counted() any { return map[string]Billed{"chat": s.Billed()} }

// SetPace lets chat completions that begin from now on come at so many tokens a
// second; 0, as at first, as fast as they are taken.
func (s *StandIn) SetPace(tokensPerSecond float64) {
	s.pace.bits.Store(math.Float64bits(tokensPerSecond))
}

type pace struct{ bits atomic.Uint64 }

func (p *pace) tokensPerSecond() float64 { return math.Float64frombits(p.bits.Load()) }

// meter counts what chat requests cost.
type meter struct {
	mu       sync.Mutex
	billed   Billed
	requests map[uint64]bool
	recent   []uint64 // those in asked, as a ring
	next     int
}

// maxRemembered is how many requests back a repeated one is noticed.
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

// remember tells whether a request was met before, and remembers it.
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
