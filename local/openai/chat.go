package openai

import (
	"encoding/json"
	"net/http"
	"time"
)

const chatPath = "/v1/chat/completions"

// handleChat answers POST /v1/chat/completions, as a stream or whole.
func (s *StandIn) handleChat(w http.ResponseWriter, r *http.Request) {
	c := &call{
		w:       w,
		r:       r,
		control: http.NewResponseController(w),
		start:   time.Now(),
		id:      "chatcmpl-" + requestID()[len("req_"):],
		pace:    s.pace.tokensPerSecond(),
		meter:   &s.meter,
	}
	body, refused := readJSON(w, r)
	if refused == nil {
		c.chatRequest, refused = parseChat(body)
	}
	if refused != nil {
		refuse(w, *refused)
		return
	}
	c.pieces, c.finish = c.splitReply(reply(c.messages))
	setUsageHeaders(w.Header(), c.model, c.promptTokens, c.start)
	s.meter.begin(c.chatRequest)
	defer func() { s.meter.end(c.completed) }()
	f := faultOf(r)
	switch {
	case c.stream && f.stream != nil:
		f.stream(c)
	case c.stream:
		c.streamAll()
	case f.whole != nil:
		f.whole(c)
	default:
		c.sendWhole()
	}
}

// call is one completion while it is made. Its methods that send return false once the
// client has left.
type call struct {
	chatRequest
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	start   time.Time
	id      string
	pace    float64 // tokens a second; 0 is as fast as the client reads
	meter   *meter

	pieces    []piece // of the text
	finish    string  // the finish_reason
	tokens    int     // produced so far
	completed bool    // all was sent
}

// piece is the text of one event of a stream.
type piece struct {
	text   string
	tokens int
}

// splitReply cuts a reply into pieces. It ends the reply at the request's stop sequences
// or limit of tokens, and returns the finish_reason.
func (c *call) splitReply(text string) (pieces []piece, finish string) {
	text = cutAtStop(text, c.stops)
	used := 0
	for _, p := range splitTokens(text) {
		if c.maxTokens > 0 && used+p.tokens > c.maxTokens {
			return pieces, "length"
		}
		used += p.tokens
		pieces = append(pieces, p)
	}
	return pieces, "stop"
}

// produce waits for as long as a piece takes at the call's pace, and bills it.
func (c *call) produce(p piece) bool {
	if c.pace > 0 && !c.wait(time.Duration(float64(p.tokens)/c.pace*float64(time.Second))) {
		return false
	}
	if c.r.Context().Err() != nil {
		return false
	}
	c.tokens += p.tokens
	c.meter.addTokens(p.tokens)
	return true
}

// wait waits for d. It reports false if the client left before.
func (c *call) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.r.Context().Done():
		return false
	}
}

// waitForClient waits until the client has left.
func (c *call) waitForClient() { <-c.r.Context().Done() }

// usage returns the member "usage" for what the request cost so far.
func (c *call) usage() map[string]any {
	return map[string]any{
		"prompt_tokens":     c.promptTokens,
		"completion_tokens": c.tokens,
		"total_tokens":      c.promptTokens + c.tokens,
		"prompt_tokens_details": map[string]int{
			"cached_tokens": 0,
			"audio_tokens":  0,
		},
		"completion_tokens_details": map[string]int{
			"reasoning_tokens":           0,
			"audio_tokens":               0,
			"accepted_prediction_tokens": 0,
			"rejected_prediction_tokens": 0,
		},
	}
}

// sendWhole sends the completion without streaming.
func (c *call) sendWhole() {
	text, ok := c.produceAll(c.pieces)
	if ok {
		c.sendCompletion(map[string]any{"content": text}, c.finish, c.usage())
	}
}

// produceAll produces pieces and returns their text. ok is false if the client left.
func (c *call) produceAll(pieces []piece) (text string, ok bool) {
	for _, p := range pieces {
		if !c.produce(p) {
			return "", false
		}
		text += p.text
	}
	return text, true
}

// completion returns an answer with a message. A nil usage is left out.
func (c *call) completion(message map[string]any, finish string, usage any) map[string]any {
	full := map[string]any{
		"role":        "assistant",
		"content":     nil,
		"refusal":     nil,
		"annotations": []any{},
	}
	for name, v := range message {
		full[name] = v
	}
	out := c.envelope("chat.completion")
	out["choices"] = []any{map[string]any{
		"index":         0,
		"message":       full,
		"logprobs":      nil,
		"finish_reason": finish,
	}}
	if usage != nil {
		out["usage"] = usage
	}
	return out
}

// sendCompletion sends a completion.
func (c *call) sendCompletion(message map[string]any, finish string, usage any) {
	err := json.NewEncoder(c.w).Encode(c.completion(message, finish, usage))
	c.completed = err == nil && c.r.Context().Err() == nil
}

// envelope returns the members that every answer and every event has.
func (c *call) envelope(object string) map[string]any {
	return map[string]any{
		"id":                 c.id,
		"object":             object,
		"created":            c.start.Unix(),
		"model":              c.model,
		"service_tier":       "default",
		"system_fingerprint": "fp_ragtime",
	}
}
