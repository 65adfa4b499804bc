package openai

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// splitTokens cuts a text into pieces of one token each, or of the few tokens that make
// up a character.
func splitTokens(text string) (out []piece) {
	_, tokens, err := vocabulary().Encode(text)
	if err != nil || strings.Join(tokens, "") != text { // does not happen with a text of reply
		return []piece{{text, max(1, len(tokens))}}
	}
	var open piece
	for _, t := range tokens {
		open.text += t
		open.tokens++
		if utf8.ValidString(open.text) {
			out = append(out, open)
			open = piece{}
		}
	}
	if open.tokens > 0 {
		out = append(out, open)
	}
	return out
}

// cutAtStop returns the text before the first stop sequence.
func cutAtStop(text string, stops []string) string {
	for _, s := range stops {
		text, _, _ = strings.Cut(text, s)
	}
	return text
}

// streamAll streams the completion: role, text, finish, usage, [DONE].
func (c *call) streamAll() {
	if c.beginStream() && c.sendTexts(c.pieces) {
		c.endStream(c.finish, c.usage())
	}
}

// beginStream sends the header and the role.
func (c *call) beginStream() bool {
	return c.sendStreamHeader() && c.sendDelta(map[string]any{"role": "assistant", "content": "", "refusal": nil}, nil)
}

// sendStreamHeader sends the status and the header of a stream.
func (c *call) sendStreamHeader() bool {
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	c.w.WriteHeader(http.StatusOK)
	return c.control.Flush() == nil
}

// sendTexts produces pieces and sends an event for each.
func (c *call) sendTexts(pieces []piece) bool {
	for _, p := range pieces {
		if !c.produce(p) || !c.sendDelta(map[string]any{"content": p.text}, nil) {
			return false
		}
	}
	return true
}

// sendDelta sends an event with a delta. finish is the finish_reason, or nil.
func (c *call) sendDelta(delta map[string]any, finish any) bool {
	out := c.envelope("chat.completion.chunk")
	out["choices"] = []any{map[string]any{
		"index":         0,
		"delta":         delta,
		"logprobs":      nil,
		"finish_reason": finish,
	}}
	if c.includeUsage {
		out["usage"] = nil
	}
	return c.sendData(out)
}

// endStream sends the finish_reason, the usage if the request wants it and it is not nil, and [DONE].
func (c *call) endStream(finish string, usage any) {
	ok := c.sendDelta(map[string]any{}, finish)
	if c.includeUsage && usage != nil {
		out := c.envelope("chat.completion.chunk")
		out["choices"] = []any{}
		out["usage"] = usage
		ok = ok && c.sendData(out)
	}
	c.completed = ok && c.sendRaw("data: [DONE]\n\n")
}

// sendData sends an event with v in JSON.
func (c *call) sendData(v any) bool {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.Encode(v)
	return c.sendRaw("data: " + out.String() + "\n") // Encode ended the line
}

// sendRaw sends a text as it is.
func (c *call) sendRaw(text string) bool {
	if c.r.Context().Err() != nil {
		return false
	}
	_, err := io.WriteString(c.w, text)
	return err == nil && c.control.Flush() == nil
}
