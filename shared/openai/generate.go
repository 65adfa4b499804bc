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

	// Parameters of the request. Zero values are not sent.
	Temperature     *float64
	ReasoningEffort string // such as minimal, low, medium or high
}

// Generator implements rag.Generator over the chat completions API, which every compatible
// server has. It always streams, to tell a model that hangs from one that writes for long.
// Safe for concurrent use.
//
// A generation costs money. So only one attempt of a call at a time has a request under
// way, a model that has begun to answer is not asked again, and once there is text no
// model is. Where there are several models, attempts take turns: the second attempt asks
// the second model.
type Generator struct {
	models []model
	window int
	policy *attempt.Policy
}

type model struct {
	Chat
	service openai.ChatCompletionService
	key     string // for this call: see modelsWithKeys
}

var _ rag.Generator = (*Generator)(nil)

// NewGenerator makes a Generator over the client's transport, whose limit for silence while
// an answer is received must be longer than the models think. window is the context
// window of the smallest of the models, in tokens.
func NewGenerator(client *http.Client, window int, first Chat, others ...Chat) *Generator {
	g := &Generator{window: window, policy: attempt.New(attempt.Options{OneSends: true})}
	for _, c := range append([]Chat{first}, others...) {
		service := openai.NewChatCompletionService(requestOptions(c.API, client)...)
		g.models = append(g.models, model{Chat: c, service: service})
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

// call is one Generate, with all its attempts.
type call struct {
	models []model

	mu    sync.Mutex
	begun []bool // by index of models: whether it has begun to answer
	paid  []rag.Paid
}

// pickModel returns the index of the model that an attempt asks: of the next one that has
// not begun to answer.
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

// markBegun records that a model has begun to answer. If all have, the attempt is the call's
// last one.
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

// modelsWithKeys returns the models whose keys can be fetched, with their keys. Where there
// are none, the error is that of the first model's key.
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

// detail adds the model's name to a fault's detail, since there may be several models.
func (m model) detail(detail string) string {
	return strings.ReplaceAll(detail, "RAGTIME_EMBEDDING_MODEL", "RAGTIME_CHAT_MODEL") + " (model " + m.Model + ")"
}

// requestOptions are openai-go's options for an API. Its retries are off, and
// refusalMiddleware reads errors in its place.
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
