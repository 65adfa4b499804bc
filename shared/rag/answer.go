package rag

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ragtime/shared/chunk"
	"ragtime/shared/fault"
	"ragtime/shared/step"
)

// How an answer's time is divided.
const (
	// keepForGenerate is the time that retrieval leaves for the model. With less than
	// leastForGenerate no model is asked, since a sentence takes a second or two.
	keepForGenerate  = 8 * time.Second
	leastForGenerate = time.Second
	// keepForReply is the time after the model's last word, in which the answer is sent.
	keepForReply = 250 * time.Millisecond
	// rewriteLimit is the most that rewriting a conversation's question may take;
	// leastForRewrite is the least that must be left to try it.
	rewriteLimit    = 4 * time.Second
	leastForRewrite = 12 * time.Second
)

// The limits of a conversation.
const (
	MaxMessages      = 40
	MaxMessageTokens = 16_384 // of all messages together
)

// maxRewriteTokens is the most that a rewritten question may have.
const maxRewriteTokens = 256

// Question is a question to answer.
type Question struct {
	Query    Query     // its Text is the question
	Messages []Message // the conversation before the question, oldest first
	// Strict makes Answer return an error where it could return a degraded answer.
	Strict bool
}

// AnswerOptions are the deployer's choices. The zero value is useful.
type AnswerOptions struct {
	System        string  // "" is DefaultSystem
	PassageTokens int     // how many the passages for the model may have; 0 is 6,000
	MaxTokens     int     // how many the answer may have; 0 is 1,024
	LeastScore    float64 // less similar passages are not relevant, and the model does not get them
}

func (o AnswerOptions) withDefaults() AnswerOptions {
	if o.System == "" {
		o.System = DefaultSystem
	}
	if o.PassageTokens == 0 {
		o.PassageTokens = 6000
	}
	if o.MaxTokens == 0 {
		o.MaxTokens = 1024
	}
	return o
}

// AnswerResult is an answer, or the part of one that could be made.
type AnswerResult struct {
	Text      string // with markers such as [2], which is Passages[1]
	Finish    Finish // "" where Degraded
	Model     string
	Citations []Citation // in the order of their first mention
	Dropped   int        // how many markers were removed, since they referred to no passage
	Passages  []Passage  // best first

	// Degraded is why there is no whole answer; nil where there is one.
	Degraded *fault.Error

	// Rewritten is the question that was searched for, if it was rewritten because of the
	// conversation. RewriteSkipped says why a question was not rewritten despite one.
	Rewritten      string
	RewriteSkipped string

	EmbeddingTokens int
	Paid            []Paid
	Stale           int  // see Found
	Incomplete      bool // see Found
}

// Progress has functions that are called while an answer is made; a nil one is not. If one
// returns an error, Answer ends with it.
type Progress struct {
	Passages func([]Passage) error
	Text     func(piece string) error
}

func (p Progress) passages(found []Passage) error {
	if p.Passages == nil {
		return nil
	}
	return p.Passages(found)
}

func (p Progress) text(piece string) error {
	if p.Text == nil {
		return nil
	}
	return p.Text(piece)
}

// unknownAnswer is the answer if no relevant passage was found.
const unknownAnswer = "I do not know: no document that you can read says anything about this."

// Answer finds the passages that answer the question, and has the model write the answer
// from them. If the passages were found, but their documents could not be read or the
// model did not write the answer, Answer returns the passages and sets Degraded. With an
// error it returns the tokens that were paid for.
func Answer(
	ctx context.Context,
	tenant string,
	q Question,
	o AnswerOptions,
	e Embedder,
	s Searcher,
	g Generator,
	p Progress,
) (AnswerResult, error) {
	o = o.withDefaults()
	if err := q.validate(g.Window() - o.MaxTokens); err != nil {
		return AnswerResult{}, err
	}
	var out AnswerResult
	query := q.Query
	if len(q.Messages) > 0 {
		out.rewrite(ctx, q, g)
		if out.Rewritten != "" {
			query.Text = out.Rewritten
		}
	}
	searchCtx, cancel := step.Leave(ctx, keepForGenerate)
	found, err := Retrieve(searchCtx, tenant, query, e, s)
	cancel()
	out.EmbeddingTokens = found.Tokens
	out.Stale = found.Stale
	out.Incomplete = found.Incomplete
	if err != nil && (q.Strict || len(found.Passages) == 0 || !degrades(fault.From(err).Kind)) {
		return out, renameQueryField(err)
	}
	out.Passages = relevant(found.Passages, o.LeastScore)
	if err := p.passages(out.Passages); err != nil {
		return out, err
	}
	if err != nil { // the model must not quote text that may have been deleted
		out.Degraded = fault.From(err)
		return out, nil
	}
	if len(out.Passages) == 0 {
		out.Text = unknownAnswer
		out.Finish = FinishNoPassages
		return out, p.text(unknownAnswer)
	}
	if err := out.generate(ctx, q, o, g, p); err != nil {
		f := fault.From(err)
		if q.Strict || !degrades(f.Kind) {
			return out, err
		}
		out.Degraded = f
	}
	return out, nil
}

// degrades tells whether a failure of that kind only degrades the answer, since a remote
// service is to blame and not the question.
func degrades(k fault.Kind) bool {
	switch k {
	case fault.Timeout, fault.Unavailable, fault.RateLimited, fault.QuotaExhausted, fault.Upstream:
		return true
	}
	return false
}

func relevant(passages []Passage, least float64) []Passage {
	var out []Passage
	for _, p := range passages {
		if p.Score >= least {
			out = append(out, p)
		}
	}
	return out
}

// generate has the model write the answer.
func (out *AnswerResult) generate(
	ctx context.Context,
	q Question,
	o AnswerOptions,
	g Generator,
	progress Progress,
) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < leastForGenerate {
		return &fault.Error{
			Kind: fault.Timeout,
			Step: fault.StepGenerate,
			Detail: fmt.Sprintf("step generate was not begun: %.1f s were left, and it needs %.1f s",
				time.Until(end).Seconds(), leastForGenerate.Seconds()),
		}
	}
	empty, _ := prompt(q, nil, o.System, 0)
	room := min(o.PassageTokens, g.Window()-o.MaxTokens-empty.size())
	request, used := prompt(q, out.Passages, o.System, room)
	request.MaxTokens = o.MaxTokens
	c := citer{passages: used}
	var text strings.Builder
	show := func(piece string) error {
		if piece == "" {
			return nil
		}
		text.WriteString(piece)
		return progress.text(piece)
	}
	generated, err := out.ask(ctx, g, request, keepForReply, func(piece string) error { return show(c.write(piece)) })
	if err == nil {
		err = show(c.flush())
	}
	out.Text = text.String()
	out.Dropped = c.dropped
	for _, n := range c.cited {
		p := out.Passages[n-1]
		out.Citations = append(out.Citations, Citation{
			Marker:     n,
			DocumentID: p.DocumentID,
			Chunk:      p.Chunk,
			Text:       p.Text,
		})
	}
	if err != nil {
		return err
	}
	out.Finish = generated.Finish
	out.Model = generated.Model
	return nil
}

// ask asks the model, as a step. It adds what was paid, also where the step fails.
func (out *AnswerResult) ask(
	ctx context.Context,
	g Generator,
	p Prompt,
	keep time.Duration,
	emit func(string) error,
) (Generated, error) {
	return step.Run(ctx, fault.StepGenerate, keep, func(ctx context.Context) (Generated, error) {
		generated, err := g.Generate(ctx, p, emit)
		out.Paid = append(out.Paid, generated.Paid...)
		return generated, err
	})
}

// rewrite has the model rewrite the question so that it can be understood without the
// conversation. Where that fails or takes too long, the question is searched for as it is.
func (out *AnswerResult) rewrite(ctx context.Context, q Question, g Generator) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < leastForRewrite {
		out.RewriteSkipped = "too little time was left"
		return
	}
	p := Prompt{System: rewritePrompt, MaxTokens: maxRewriteTokens}
	p.Messages = append(p.Messages, q.Messages...)
	p.Messages = append(p.Messages, Message{User, q.Query.Text})
	bounded, cancel := context.WithTimeoutCause(ctx, rewriteLimit,
		&fault.Error{Kind: fault.Timeout, Step: fault.StepGenerate, Detail: "rewriting the question took too long"})
	defer cancel()
	generated, err := out.ask(bounded, g, p, 0, func(string) error { return nil })
	text := strings.TrimSpace(generated.Text)
	switch {
	case err != nil:
		out.RewriteSkipped = "the model did not rewrite the question: " + fault.From(err).Kind.String()
	case generated.Finish != FinishStop || text == "" || checkText("question", text) != nil:
		out.RewriteSkipped = "the model gave no question"
	case text != strings.TrimSpace(q.Query.Text):
		out.Rewritten = text
	}
}

// validate checks the question and its conversation. room is how many tokens the model
// takes; they may have half of it.
func (q Question) validate(room int) error {
	if err := q.Query.validate(); err != nil {
		return renameQueryField(err)
	}
	if len(q.Messages) > MaxMessages {
		return fault.InvalidField("messages", "must have at most %d entries, not %d", MaxMessages, len(q.Messages))
	}
	tokens := 0
	for i, m := range q.Messages {
		at := fmt.Sprintf("messages[%d]", i)
		if m.Role != User && m.Role != Assistant {
			return fault.InvalidField(at+".role", "must be user or assistant")
		}
		if strings.TrimSpace(m.Content) == "" {
			return fault.InvalidField(at+".content", "must not be empty")
		}
		if err := checkText(at+".content", m.Content); err != nil {
			return err
		}
		if len(m.Content) > MaxMessageTokens*16 {
			return fault.InvalidField(at+".content", "must have at most %d tokens", MaxMessageTokens)
		}
		tokens += messageTokens + chunk.Count(m.Content)
		if tokens > MaxMessageTokens {
			return fault.InvalidField("messages", "must have at most %d tokens together", MaxMessageTokens)
		}
	}
	if n := chunk.Count(q.Query.Text); n+tokens > room/2 {
		return fault.InvalidField("question", "and messages have %d tokens together; this model takes at most %d, since half of its context is for passages", n+tokens, room/2)
	}
	return nil
}

// renameQueryField turns a fault of Retrieve about the field "query" into one about
// "question", as the field is called in a request for an answer.
func renameQueryField(err error) error {
	f := fault.From(err)
	if f == nil || f.Field != "query" {
		return err
	}
	return fault.InvalidField("question", "%s", strings.TrimPrefix(f.Detail, "query "))
}
