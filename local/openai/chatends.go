package openai

// tool is the call of a tool.
func tool(arguments string) map[string]any {
	return map[string]any{"index": 0, "id": "call_ragtime", "type": "function", "function": map[string]any{"name": "search_the_web", "arguments": arguments}}
}

const toolArguments = `{"query":"deductible"}`

// toolCall streams a call of a tool: its name, then its arguments in two parts.
func (c *call) toolCall() {
	ok := c.begin() && c.event(map[string]any{"tool_calls": []any{tool("")}}, nil)
	for _, part := range []string{toolArguments[:9], toolArguments[9:]} {
		part := map[string]any{"index": 0, "function": map[string]any{"arguments": part}}
		ok = ok && c.make(piece{"", 5}) && c.event(map[string]any{"tool_calls": []any{part}}, nil)
	}
	if ok {
		c.end("tool_calls", c.usage())
	}
}

func (c *call) toolCallWhole() {
	if c.make(piece{"", 10}) {
		c.answer(map[string]any{"tool_calls": []any{tool(toolArguments)}}, "tool_calls", c.usage())
	}
}

const refusalText = "I'm sorry, I can't help with that."

// refusal streams what a model says that declines.
func (c *call) refusal() {
	ok := c.begin()
	for _, p := range split(refusalText) {
		ok = ok && c.make(p) && c.event(map[string]any{"refusal": p.text}, nil)
	}
	if ok {
		c.end("stop", c.usage())
	}
}

func (c *call) refusalWhole() {
	if text, ok := c.makeAll(split(refusalText)); ok {
		c.answer(map[string]any{"refusal": text}, "stop", c.usage())
	}
}

// ended streams half of the text, and that it ends for a reason.
func ended(reason string) func(*call) {
	return func(c *call) {
		if c.half() {
			c.end(reason, c.usage())
		}
	}
}

func endedWhole(reason string) func(*call) {
	return func(c *call) {
		if text, ok := c.makeAll(c.firstHalf()); ok {
			c.answer(map[string]any{"content": text}, reason, c.usage())
		}
	}
}
