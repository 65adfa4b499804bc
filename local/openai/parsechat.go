package openai

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"ragtime/shared/chunk"
)

// chatRequest is a checked chat request.
type chatRequest struct {
	model        string
	messages     []message
	promptTokens int
	maxTokens    int // 0 is no limit
	stops        []string
	stream       bool
	includeUsage bool // in a stream
}

// chatInput is a chat request as it was sent, without what makes no difference here.
type chatInput struct {
	Model               string           `json:"model"`
	Messages            *[]messageInput  `json:"messages"`
	MaxTokens           *int             `json:"max_tokens"`
	MaxCompletionTokens *int             `json:"max_completion_tokens"`
	N                   *int             `json:"n"`
	Temperature         *float64         `json:"temperature"`
	TopP                *float64         `json:"top_p"`
	ReasoningEffort     *string          `json:"reasoning_effort"`
	Stop                json.RawMessage  `json:"stop"`
	Stream              bool             `json:"stream"`
	StreamOptions       *json.RawMessage `json:"stream_options"`
	ResponseFormat      *struct {
		Type string `json:"type"`
	} `json:"response_format"`
	Tools      json.RawMessage `json:"tools"`
	ToolChoice json.RawMessage `json:"tool_choice"`
	Logprobs   bool            `json:"logprobs"`
}

// ignoredParameters are parameters that change nothing here.
var ignoredParameters = []string{
	"user", "seed", "store", "metadata", "service_tier", "presence_penalty", "frequency_penalty", "logit_bias",
	"parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity",
	"modalities", "top_logprobs",
}

// knownParameters are those of chatInput.
var knownParameters = []string{
	"model", "messages", "max_tokens", "max_completion_tokens", "n", "temperature", "top_p", "reasoning_effort",
	"stop", "stream", "stream_options", "response_format", "tools", "tool_choice", "logprobs",
}

// invalidRequestCode is invalidRequest with a code.
func invalidRequestCode(param, code, format string, args ...any) *apiError {
	e := invalidRequest(param, format, args...)
	e.code = code
	return e
}

// parseChat reads and checks a chat request as OpenAI does.
func parseChat(body []byte) (out chatRequest, refused *apiError) {
	var names map[string]json.RawMessage
	if json.Unmarshal(body, &names) != nil {
		return out, invalidRequest("", notJSON)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Contains(knownParameters, name) && !slices.Contains(ignoredParameters, name) {
			return out, invalidRequestCode(name, "unknown_parameter", "Unknown parameter: '%s'.", name)
		}
	}
	var in chatInput
	if err := json.Unmarshal(body, &in); err != nil {
		if wrong, ok := err.(*json.UnmarshalTypeError); ok {
			return out, invalidRequestCode(wrong.Field, "invalid_type", "Invalid type for '%s': got %s instead.", wrong.Field, wrong.Value)
		}
		return out, invalidRequest("", "%v", err)
	}
	out.model = in.Model
	out.stream = in.Stream
	checks := []func() *apiError{
		in.checkModel,
		func() (e *apiError) { out.messages, e = in.readMessages(); return },
		func() (e *apiError) { out.maxTokens, e = in.readMaxTokens(); return },
		in.checkSampling,
		in.checkAbilities,
		func() (e *apiError) { out.stops, e = in.readStops(); return },
		func() (e *apiError) { out.includeUsage, e = in.readIncludeUsage(); return },
	}
	for _, check := range checks {
		if refused = check(); refused != nil {
			return out, refused
		}
	}
	out.promptTokens = promptTokens(out.messages)
	if window := contextWindow(in.Model); out.promptTokens > window {
		return out, invalidRequestCode("messages", "context_length_exceeded",
			"This model's maximum context length is %d tokens. However, your messages resulted in %d tokens. "+
				"Please reduce the length of the messages.",
			window, out.promptTokens)
	}
	return out, nil
}

func (in *chatInput) checkModel() *apiError {
	if in.Model == "" {
		return invalidRequest("", "you must provide a model parameter")
	}
	if !strings.HasPrefix(in.Model, "gpt-") && !strings.HasPrefix(in.Model, "o") {
		return modelNotFound(in.Model)
	}
	return nil
}

// isReasoning reports whether a model reasons before it answers. Such models take other parameters.
func isReasoning(model string) bool {
	return strings.HasPrefix(model, "o") || strings.HasPrefix(model, "gpt-5")
}

// contextWindow returns how many tokens a model takes (platform.openai.com/docs/models).
func contextWindow(model string) int {
	for _, w := range []struct {
		prefix string
		tokens int
	}{
		{"gpt-4.1", 1_047_576},
		{"gpt-5", 400_000},
		{"o", 200_000},
		{"gpt-4o", 128_000},
		{"gpt-4-turbo", 128_000},
		{"gpt-4", 8192},
		{"gpt-3.5", 16_385},
	} {
		if strings.HasPrefix(model, w.prefix) {
			return w.tokens
		}
	}
	return 128_000
}

// readMaxTokens returns the limit of the completion's tokens; 0 is no limit.
func (in *chatInput) readMaxTokens() (int, *apiError) {
	name := "max_completion_tokens"
	n := in.MaxCompletionTokens
	if old := in.MaxTokens; old != nil {
		switch {
		case n != nil:
			return 0, invalidRequestCode("max_tokens", "invalid_parameter_combination",
				"Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
		case isReasoning(in.Model):
			return 0, invalidRequestCode("max_tokens", "unsupported_parameter", "Unsupported parameter: "+
				"'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
		}
		name = "max_tokens"
		n = old
	}
	if n == nil {
		return 0, nil
	}
	if *n < 1 {
		return 0, belowMinimum(name, *n)
	}
	return *n, nil
}

func belowMinimum(name string, n int) *apiError {
	return invalidRequestCode(name, "integer_below_min_value",
		"Invalid '%s': integer below minimum value. Expected a value >= 1, but got %d instead.", name, n)
}

func (in *chatInput) checkSampling() *apiError {
	for _, p := range []struct {
		name  string
		value *float64
		most  float64
	}{{"temperature", in.Temperature, 2}, {"top_p", in.TopP, 1}} {
		switch {
		case p.value == nil:
		case *p.value < 0:
			return invalidRequestCode(p.name, "decimal_below_min_value",
				"Invalid '%s': decimal below minimum value. Expected a value >= 0, but got %g instead.", p.name, *p.value)
		case *p.value > p.most:
			return invalidRequestCode(p.name, "decimal_above_max_value",
				"Invalid '%s': decimal above maximum value. Expected a value <= %g, but got %g instead.", p.name, p.most, *p.value)
		case isReasoning(in.Model) && *p.value != 1:
			return invalidRequestCode(p.name, "unsupported_value",
				"Unsupported value: '%s' does not support %g with this model. Only the default (1) value is supported.", p.name, *p.value)
		}
	}
	if e := in.ReasoningEffort; e != nil {
		if !isReasoning(in.Model) {
			return invalidRequestCode("reasoning_effort", "unsupported_parameter",
				"Unsupported parameter: 'reasoning_effort' is not supported with this model.")
		}
		efforts := []string{"none", "minimal", "low", "medium", "high", "xhigh"}
		if !slices.Contains(efforts, *e) {
			return invalidRequestCode("reasoning_effort", "invalid_value",
				"Invalid value: '%s'. Supported values are: '%s'.", *e, strings.Join(efforts, "', '"))
		}
	}
	return nil
}

// checkAbilities refuses what OpenAI's models can do and the stand-in cannot.
func (in *chatInput) checkAbilities() *apiError {
	if n := in.N; n != nil && *n < 1 {
		return belowMinimum("n", *n)
	} else if n != nil && *n > 1 {
		return invalidRequestCode("n", "unsupported_value",
			"Unsupported value: 'n' does not support %d with this model. Only the default (1) value is supported.", *n)
	}
	if f := in.ResponseFormat; f != nil && f.Type != "text" {
		return invalidRequestCode("response_format", "unsupported_value",
			"Invalid parameter: 'response_format' of type '%s' is not supported with this model.", f.Type)
	}
	if in.Logprobs {
		return invalidRequestCode("logprobs", "unsupported_parameter",
			"Unsupported parameter: 'logprobs' is not supported with this model.")
	}
	// The stand-in calls no tool, so a request must not force it to.
	if choice := string(in.ToolChoice); choice != "" && choice != "null" && choice != `"auto"` && choice != `"none"` {
		return invalidRequestCode("tool_choice", "unsupported_value",
			"Unsupported value: 'tool_choice' does not support %s with this model. Supported values are: 'auto' and 'none'.", choice)
	}
	return nil
}

// readStops reads the stop sequences: a string, or an array of up to four.
func (in *chatInput) readStops() ([]string, *apiError) {
	if raw := bytes.TrimSpace(in.Stop); len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var one string
	var list []string
	if json.Unmarshal(in.Stop, &one) == nil {
		list = []string{one}
	} else if json.Unmarshal(in.Stop, &list) != nil || len(list) == 0 || len(list) > 4 {
		return nil, invalidRequestCode("stop", "invalid_type",
			"Invalid type for 'stop': expected a string or an array of 1 to 4 strings.")
	}
	if slices.Contains(list, "") {
		return nil, invalidRequestCode("stop", "empty_string",
			"Invalid 'stop': empty string. Expected a string with minimum length 1, but got an empty string instead.")
	}
	return list, nil
}

// readIncludeUsage reports whether a stream is to end with its usage.
func (in *chatInput) readIncludeUsage() (bool, *apiError) {
	if in.StreamOptions == nil {
		return false, nil
	}
	var o struct {
		IncludeUsage       bool  `json:"include_usage"`
		IncludeObfuscation *bool `json:"include_obfuscation"`
	}
	if json.Unmarshal(*in.StreamOptions, &o) != nil {
		return false, invalidRequestCode("stream_options", "invalid_type",
			"Invalid type for 'stream_options': expected an object.")
	}
	if !in.Stream {
		return false, invalidRequest("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	return o.IncludeUsage, nil
}

// promptTokens counts tokens as OpenAI documents it (cookbook.openai.com, "How to count
// tokens with tiktoken"): for each message 3 and those of its role and text, and 3 for
// the beginning of the answer.
func promptTokens(messages []message) int {
	n := 3
	for _, m := range messages {
		n += 3 + chunk.Count(m.role) + chunk.Count(m.text)
	}
	return n
}
