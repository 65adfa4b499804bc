package openai

// toolCallJSON returns the call of a tool.
func toolCallJSON(arguments string) map[string]any {
	return map[string]any{
		"index": 0,
		"id":    "call_ragtime",
		"type":  "function",
		"function": map[string]any{
			"name":      "search_the_web",
			"arguments": arguments,
		},
	}
}

const toolArguments = `{"query":"deductible"}`

// streamToolCall streams a call of a tool: its name, then its arguments in two parts.
func (c *call) streamToolCall() {
	ok := c.beginStream() && c.sendDelta(map[string]any{"tool_calls": []any{toolCallJSON("")}}, nil)
	for _, part := range []string{toolArguments[:9], toolArguments[9:]} {
		part := map[string]any{"index": 0, "function": map[string]any{"arguments": part}}
		ok = ok && c.produce(piece{"", 5}) && c.sendDelta(map[string]any{"tool_calls": []any{part}}, nil)
	}
	if ok {
		c.endStream("tool_calls", c.usage())
	}
}

func (c *call) sendToolCall() {
	if c.produce(piece{"", 10}) {
		c.sendCompletion(map[string]any{"tool_calls": []any{toolCallJSON(toolArguments)}}, "tool_calls", c.usage())
	}
}

const refusalText = "I'm sorry, I can't help with that."

// streamRefusal streams a model's refusal to answer.
func (c *call) streamRefusal() {
	ok := c.beginStream()
	for _, p := range splitTokens(refusalText) {
		ok = ok && c.produce(p) && c.sendDelta(map[string]any{"refusal": p.text}, nil)
	}
	if ok {
		c.endStream("stop", c.usage())
	}
}

func (c *call) sendRefusal() {
	if text, ok := c.produceAll(splitTokens(refusalText)); ok {
		c.sendCompletion(map[string]any{"refusal": text}, "stop", c.usage())
	}
}

// streamHalfUntil streams half of the text, then a finish_reason.
func streamHalfUntil(reason string) func(*call) {
	return func(c *call) {
		if c.streamHalf() {
			c.endStream(reason, c.usage())
		}
	}
}

// sendHalfUntil is streamHalfUntil without streaming.
func sendHalfUntil(reason string) func(*call) {
	return func(c *call) {
		if text, ok := c.produceAll(c.firstHalf()); ok {
			c.sendCompletion(map[string]any{"content": text}, reason, c.usage())
		}
	}
}
