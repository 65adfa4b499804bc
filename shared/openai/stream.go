package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"ragtime/shared/attempt"
	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// maxSilence is the longest pause in a model's text. Keep-alives, empty pieces and thoughts
// are not text. Tests shorten it.
var maxSilence = 10 * time.Second

const (
	// usageWait is how long the rest of the stream may take after the end of the text. The
	// count of tokens comes then.
	usageWait = time.Second
	// maxTokenBytes is the most bytes of text for each allowed token. Few tokens have more
	// than 16.
	maxTokenBytes = 32
)

// event is one event of a streamed completion, with the fields that are used.
type event struct {
	Model   string `json:"model"`
	Choices []struct {
		Delta struct {
			Content   string            `json:"content"`
			Refusal   string            `json:"refusal"`
			ToolCalls []json.RawMessage `json:"tool_calls"`
		} `json:"delta"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens     json.RawMessage `json:"prompt_tokens"`
		CompletionTokens json.RawMessage `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"` // absent or null where there is none
}

// stream asks a model once, and passes the text to emit as it comes.
func (c *call) stream(ctx context.Context, i int, p rag.Prompt, emit func(string) error) (rag.Generated, error) {
	m := c.models[i]
	withKey, err := withKey(m.API, m.key)
	if err != nil {
		return rag.Generated{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var resp *http.Response
	opened := m.service.NewStreaming(ctx, m.params(p), withKey, option.WithResponseInto(&resp))
	if err := opened.Err(); err != nil {
		if refused, ok := asRefusal(err); ok && refused.status == http.StatusUnauthorized {
			m.Key.Invalidate(m.key)
		}
		return rag.Generated{}, m.classify(err)
	}
	defer resp.Body.Close()
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media != "text/event-stream" {
		return rag.Generated{}, fault.New(fault.Upstream, "%s", m.detail("openai: the answer is no event stream"))
	}
	c.markBegun(ctx, i)
	r := streamReader{model: m, ctx: ctx, emit: emit, maxBytes: maxTokenBytes * p.MaxTokens}
	r.timer = time.AfterFunc(time.Hour, func() {
		cancel(fault.New(fault.Timeout, "the model said nothing for %.0f s", maxSilence.Seconds()))
	})
	r.timer.Stop() // starts with the first piece of text; until then the attempt's limit holds
	defer r.timer.Stop()
	err = r.read(resp)
	r.out.Text = r.text.String()
	if r.paid != nil {
		c.addPaid(*r.paid)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil && r.out.Finish != "" && ctx.Err() != nil {
		err = nil // the text is whole; only the count of tokens is missing
	}
	return r.out, err
}

// streamReader reads one stream.
type streamReader struct {
	model model
	ctx   context.Context
	emit  func(string) error
	timer *time.Timer // cancels the request after too long a pause

	out      rag.Generated // without Text, which is in text
	text     strings.Builder
	maxBytes int       // of text
	paid     *rag.Paid // the last count of tokens; nil while there is none
}

// read reads the stream to its end.
func (r *streamReader) read(resp *http.Response) error {
	decoder := ssestream.NewDecoder(resp)
	for decoder.Next() {
		data := decoder.Event().Data
		if string(bytes.TrimSpace(data)) == "[DONE]" {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // so that the connection can be used again
			if r.out.Finish == "" && r.text.Len() > 0 {
				r.out.Finish = rag.FinishStop // some servers give no reason
			}
			break
		}
		var e event
		if err := json.Unmarshal(data, &e); err != nil {
			return &fault.Error{
				Kind:   fault.Upstream,
				Detail: r.model.detail("openai: an event of the stream cannot be read"),
				Cause:  err,
			}
		}
		if len(e.Error) > 0 && string(e.Error) != "null" {
			return r.model.errorEventFault(data)
		}
		if err := r.handle(e); err != nil {
			return err
		}
	}
	if err := decoder.Err(); err != nil {
		return r.model.classify(err)
	}
	if r.out.Finish == "" {
		return fault.New(fault.Unavailable, "%s", r.model.detail("openai: the stream ended before the text did"))
	}
	if strings.TrimSpace(r.text.String()) == "" {
		return r.noTextFault()
	}
	return nil
}

// noTextFault is the fault of a model that finished without text.
func (r *streamReader) noTextFault() error {
	detail := "openai: the model ended (" + string(r.out.Finish) + ") without a word"
	if r.out.Finish == rag.FinishLength {
		detail += "; it may have thought for all of answer_tokens: see RAGTIME_CHAT_SETTINGS"
	}
	return fault.New(fault.Upstream, "%s", r.model.detail(detail))
}

// finishReasons are values of finish_reason. Any other one counts as rag.FinishStop: the
// text is whole.
var finishReasons = map[string]rag.Finish{
	"length":         rag.FinishLength,
	"content_filter": rag.FinishFilter,
}

func (r *streamReader) handle(e event) error {
	if e.Model != "" {
		r.out.Model = e.Model
	}
	if e.Usage != nil { // some servers have a running count in every event
		prompt, _ := parseCount(e.Usage.PromptTokens)
		completion, _ := parseCount(e.Usage.CompletionTokens)
		r.paid = &rag.Paid{Model: r.model.Model, Prompt: prompt, Completion: completion}
	}
	if len(e.Choices) == 0 {
		return nil
	}
	choice := e.Choices[0]
	toolCall := choice.FinishReason == "tool_calls" || choice.FinishReason == "function_call"
	if toolCall || len(choice.Delta.ToolCalls) > 0 {
		return fault.New(fault.Upstream, "%s", r.model.detail("openai: the model called a tool, and none was offered"))
	}
	if choice.Delta.Refusal != "" {
		r.out.Finish = rag.FinishRefusal
	}
	if err := r.emitText(choice.Delta.Content + choice.Delta.Refusal); err != nil {
		return err
	}
	if choice.FinishReason != "" {
		r.finish(choice.FinishReason)
	}
	return nil
}

// emitText passes a piece of text to emit. The timer stands still meanwhile, since a slow
// reader is not a silent model.
func (r *streamReader) emitText(piece string) error {
	if piece == "" {
		return nil
	}
	if r.text.Len() == 0 {
		attempt.Commit(r.ctx)
	}
	r.timer.Stop()
	if r.text.Len()+len(piece) > r.maxBytes {
		return fault.New(fault.Upstream, "%s", r.model.detail("openai: the text is longer than any limit that was given"))
	}
	r.text.WriteString(piece)
	if err := r.emit(piece); err != nil {
		return err
	}
	r.timer.Reset(maxSilence)
	return nil
}

// finish records why the model stopped.
func (r *streamReader) finish(reason string) {
	if r.out.Finish == "" {
		r.out.Finish = rag.FinishStop
		if f, ok := finishReasons[reason]; ok {
			r.out.Finish = f
		}
	}
	r.timer.Reset(usageWait)
}

// errorEventFault is the fault of an event with an error.
func (m model) errorEventFault(event []byte) error {
	var why refusal
	why.read(event)
	switch {
	case why.outOfFunds():
		return fault.New(fault.QuotaExhausted, "%s", m.detail(outOfFundsDetail))
	case why.code == "rate_limit_exceeded":
		return fault.New(fault.RateLimited, "%s", m.detail(rateLimitedDetail))
	}
	return fault.New(fault.Unavailable, "%s", m.detail("openai: the stream ended with an error"))
}

// classify turns an error into a fault that names the model.
func (m model) classify(err error) error {
	f := *fault.From(classify(err))
	if f.Kind != fault.Timeout && f.Kind != fault.Canceled { // these are not the model's
		f.Detail = m.detail(f.Detail)
	}
	return &f
}
