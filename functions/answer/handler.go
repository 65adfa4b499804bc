package main

import (
	"context"
	"math"
	"net/http"

	"ragtime/shared/apigw"
	"ragtime/shared/config"
	"ragtime/shared/fault"
	"ragtime/shared/operation"
	"ragtime/shared/query"
	"ragtime/shared/rag"
	"ragtime/shared/trace"
)

type handler struct {
	embedder  rag.Embedder
	searcher  rag.Searcher
	generator rag.Generator
	options   rag.AnswerOptions
	costs     costs
}

func newHandler(
	e rag.Embedder,
	s rag.Searcher,
	g rag.Generator,
	cfg config.Config,
	chat config.Chat,
	t *trace.Tracer,
) apigw.Func {
	h := handler{
		embedder:  e,
		searcher:  s,
		generator: g,
		options: rag.AnswerOptions{
			System:        chat.System,
			PassageTokens: chat.Settings.PassageTokens,
			MaxTokens:     chat.Settings.AnswerTokens,
			LeastScore:    chat.Settings.LeastScore,
		},
		costs: costs{chat.Prices, cfg.EmbeddingModel},
	}
	return apigw.API{
		Name:    "answer",
		Tracer:  t,
		Tenancy: cfg.Tenancy,
		Routes:  apigw.Routes{"POST /answer": h.answer},
		Direct:  apigw.Direct{Route: "POST /answer", Fields: []string{"question"}},
		Streams: chat.Streams,
	}.Serve
}

type answerBody struct {
	query.Fields
	Question string `json:"question"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
}

type citation struct {
	Marker     int    `json:"marker"`
	DocumentID string `json:"document_id"`
	Chunk      int    `json:"chunk"`
	Text       string `json:"text"`
}

// summary is an answer without its passages and its text.
type summary struct {
	Finish           rag.Finish `json:"finish,omitempty"` // why the model stopped; absent if there is no answer
	Model            string     `json:"model,omitempty"`
	Citations        []citation `json:"citations"`
	CitationsDropped int        `json:"citations_dropped,omitempty"`
	Rewritten        string     `json:"rewritten_question,omitempty"`
	RewriteSkipped   string     `json:"rewrite_skipped,omitempty"`
	Incomplete       bool       `json:"incomplete,omitempty"` // there may be more passages than these
	Degraded         *degraded  `json:"degraded,omitempty"`
	Usage            usage      `json:"usage"`
	OperationID      string     `json:"operation_id"`
}

// degraded says why there is no whole answer.
type degraded struct {
	Step   fault.Step  `json:"step"`
	Phase  fault.Phase `json:"phase,omitempty"`
	Kind   string      `json:"kind"` // of the problem document that a strict client would have got, such as timeout
	Reason string      `json:"reason"`
	// RetryAfter is how long the model's provider asks to wait, in seconds; absent if it does not ask.
	RetryAfter int `json:"retry_after_s,omitempty"`
}

type wholeAnswer struct {
	Answer   *string         `json:"answer"` // null if there is none
	Passages []query.Passage `json:"passages"`
	summary
}

func (h handler) answer(ctx context.Context, r *apigw.Request) (apigw.Response, error) {
	media, err := r.Accepts("application/json", apigw.EventStream)
	if err != nil {
		return apigw.Response{}, err
	}
	var events *apigw.Events
	if media == apigw.EventStream {
		if events, err = r.Events(); err != nil {
			return apigw.Response{}, err
		}
	}
	q, err := readQuestion(r)
	if err != nil {
		return apigw.Response{}, err
	}
	var progress rag.Progress
	if events != nil {
		progress = streamProgress(events)
	}
	got, err := rag.Answer(ctx, r.Tenant, q, h.options, h.embedder, h.searcher, h.generator, progress)
	h.countMetrics(ctx, got)
	if err != nil {
		return apigw.Response{}, err
	}
	rest := h.summarize(got, r.OperationID)
	if events != nil {
		return apigw.Response{}, sendEnd(events, rest)
	}
	return jsonResponse(got, rest, q.Strict), nil
}

// defaultTopK is more than a retrieval's, since a model reads quickly and can use only
// what it is shown. With 8 passages 36 of the samples' 40 questions are answered from
// the passage that has the fact, with 5 passages 35 (TestAnswersToTheSamples).
const defaultTopK = 8

func readQuestion(r *apigw.Request) (rag.Question, error) {
	var body answerBody
	if err := r.JSON(&body); err != nil {
		return rag.Question{}, err
	}
	out := rag.Question{
		// Merged, so that the model does not read the overlap of adjacent chunks twice.
		Query:  body.Query(body.Question, defaultTopK, true),
		Strict: r.Prefers("handling", "strict"),
	}
	for _, m := range body.Messages {
		out.Messages = append(out.Messages, rag.Message{Role: rag.Role(m.Role), Content: m.Content})
	}
	return out, nil
}

// jsonResponse is the whole answer in one JSON document. Where that would be larger
// than a function may return, the passages that fit least are left out.
func jsonResponse(got rag.AnswerResult, rest summary, strict bool) apigw.Response {
	out := wholeAnswer{Passages: query.Passages(got.Passages), summary: rest}
	if got.Degraded == nil {
		out.Answer = &got.Text
	}
	for !apigw.Fits(out) && len(out.Passages) > 1 {
		out.Passages = out.Passages[:len(out.Passages)*3/4]
		out.Incomplete = true
	}
	response := apigw.Response{Status: http.StatusOK, Body: out}
	if strict {
		response.PreferenceApplied = "handling=strict"
	}
	return response
}

func (h handler) summarize(got rag.AnswerResult, id string) summary {
	out := summary{
		Finish:           got.Finish,
		Model:            got.Model,
		Citations:        []citation{},
		CitationsDropped: got.Dropped,
		Rewritten:        got.Rewritten,
		RewriteSkipped:   got.RewriteSkipped,
		Incomplete:       got.Incomplete,
		Usage:            h.costs.usage(got),
		OperationID:      id,
	}
	for _, c := range got.Citations {
		out.Citations = append(out.Citations, citation(c))
	}
	if f := got.Degraded; f != nil {
		out.Degraded = &degraded{
			Step:       f.Step,
			Phase:      f.Phase,
			Kind:       f.Kind.String(),
			Reason:     f.Detail,
			RetryAfter: int(math.Ceil(f.RetryAfter.Seconds())),
		}
		out.Citations = []citation{}
	}
	return out
}

func (h handler) countMetrics(ctx context.Context, got rag.AnswerResult) {
	operation.Count(ctx, operation.EmbeddingTokens, got.EmbeddingTokens)
	operation.Count(ctx, operation.StaleChunks, got.Stale)
	operation.Count(ctx, operation.CitationsDropped, got.Dropped)
	for _, p := range got.Paid {
		operation.Count(ctx, operation.PromptTokens, p.Prompt)
		operation.Count(ctx, operation.CompletionTokens, p.Completion)
	}
	if got.Degraded != nil {
		operation.Degrade(ctx, got.Degraded)
	}
}
