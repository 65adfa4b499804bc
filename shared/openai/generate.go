package openai

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"

	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/provider"
	"ragtime/shared/rag"
)

// Chat is a chat model at a provider.
type Chat struct {
	API   provider.API
	Key   Key
	Model string

	// What the model is sent beside the messages. Zero values are not sent.
	Temperature     *float64
	ReasoningEffort string // such as minimal, low, medium or high
}

// Generator is rag's Generator over the chat completions API, which every
// compatible server has. It always streams: a model that stopped talking is told
// from one that talks for long. Safe for concurrent use.
//
// A generation costs money, so only one attempt of a call has sent its request
// at any time; a model that has begun to answer is not asked again, whatever comes
// of it; and none is once text has come. With several models, attempts take turns:
// the second attempt goes to the second model.
type Generator struct {
	models []model
	window int
	policy *attempt.Policy
}

type model struct {
	Chat
	service openai.ChatCompletionService
	key     string // of this call
}

var _ rag.Generator = (*Generator)(nil)

// NewGenerator makes a Generator over the client's transport. The transport's
// limit for silence while an answer is received must be longer than a model
// thinks. window is the context of the smallest of the models, in tokens.
func NewGenerator(client *http.Client, window int, first Chat, others ...Chat) *Generator {
	g := &Generator{window: window, policy: attempt.New(attempt.Options{OneSends: true})}
	for _, c := range append([]Chat{first}, others...) {
		g.models = append(g.models, model{Chat: c, service: openai.NewChatCompletionService(requestOptions(c.API, client)...)})
	}
	return g
}

// Window implements rag.Generator.
func (g *Generator) Window() int { return g.window }

// Generate implements rag.Generator.
func (g *Generator) Generate(ctx context.Context, p rag.Prompt, emit func(string) error) (rag.Generated, error) {
	models, err := g.modelsWithKeys(ctx)
	if err != nil {
		return rag.Generated{}, err
	}
	c := call{models: models, begun: make([]bool, len(models))}
	out, err := attempt.Do(ctx, g.policy, func(ctx context.Context) (rag.Generated, error) {
		return c.stream(ctx, c.pickModel(evidence.Current(ctx).Number()), p, emit)
	})
	out.Paid = c.allPaid()
	return out, err
}

// call is a Generate with all its attempts.
type call struct {
	models []model

	mu    sync.Mutex
	begun []bool // which of the models have begun to answer
	paid  []rag.Paid
}

// pickModel is the model that an attempt asks: the next one that has not begun to answer.
func (c *call) pickModel(attempt int) (i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.models {
		i = (attempt - 1 + n) % len(c.models)
		if !c.begun[i] {
			return i
		}
	}
	return i
}

// markBegun notes that a model has begun to answer. Where none is left that could be
// asked instead, the attempt is the call's last.
func (c *call) markBegun(ctx context.Context, i int) {
	c.mu.Lock()
	c.begun[i] = true
	last := !slices.Contains(c.begun, false)
	c.mu.Unlock()
	if last {
		attempt.Commit(ctx)
	}
}

func (c *call) addPaid(p rag.Paid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paid = append(c.paid, p)
}

func (c *call) allPaid() []rag.Paid {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paid
}

// modelsWithKeys gives the models with their keys: those whose key can be had. The error is
// that of the first model's key, where there is none.
func (g *Generator) modelsWithKeys(ctx context.Context) ([]model, error) {
	var out []model
	var first error
	for _, m := range g.models {
		key, err := m.Key.Get(ctx)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		m.key = key
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, first
	}
	return out, nil
}

// params is the request for a prompt.
func (m model) params(p rag.Prompt) openai.ChatCompletionNewParams {
	params := openai.ChatCompletionNewParams{Model: m.Model, ReasoningEffort: shared.ReasoningEffort(m.ReasoningEffort)}
	if p.System != "" {
		params.Messages = append(params.Messages, openai.SystemMessage(p.System))
	}
	for _, msg := range p.Messages {
		if msg.Role == rag.Assistant {
			params.Messages = append(params.Messages, openai.AssistantMessage(msg.Content))
			continue
		}
		params.Messages = append(params.Messages, openai.UserMessage(msg.Content))
	}
	if m.API.MaxTokens == "max_tokens" {
		params.MaxTokens = openai.Int(int64(p.MaxTokens))
	} else {
		params.MaxCompletionTokens = openai.Int(int64(p.MaxTokens))
	}
	if m.Temperature != nil {
		params.Temperature = param.NewOpt(*m.Temperature)
	}
	if m.API.StreamUsage {
		params.StreamOptions.IncludeUsage = openai.Bool(true)
	}
	return params
}

// detail is a detail with the model's name: the provider's answer may be about any
// of several.
func (m model) detail(detail string) string {
	return strings.ReplaceAll(detail, "RAGTIME_EMBEDDING_MODEL", "RAGTIME_CHAT_MODEL") + " (model " + m.Model + ")"
}

// requestOptions are openai-go's for an API: its retries off, and its reading of errors replaced.
func requestOptions(api provider.API, client *http.Client) []option.RequestOption {
	out := []option.RequestOption{
		option.WithBaseURL(api.BaseURL + "/"),
		option.WithHTTPClient(client),
		option.WithMaxRetries(0),
		option.WithMiddleware(refusalMiddleware),
	}
	for name, values := range api.Query {
		for _, v := range values {
			out = append(out, option.WithQueryAdd(name, v))
		}
	}
	return out
}
