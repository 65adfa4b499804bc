package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/hedgepolicy"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	ragtime "ragtime/shared/openai"
	"ragtime/shared/provider"
	"ragtime/shared/step"
	"ragtime/shared/wire"
)

// client is a way to call the embeddings API.
type client struct {
	name string
	how  string // for the table: what one must know to repeat the measurement
	// start makes the client, which sends its requests through transport. Ragtime puts
	// its own RoundTripper into it.
	start func(t task, transport *transport) embed
}

// embed embeds one text within D, and returns an error unless one embedding came.
type embed func() error

var clients = []client{
	{
		name: "openai-go",
		how:  "`openai.NewClient()`, a context with deadline D",
		start: func(t task, _ *transport) embed {
			return withDeadline(t.Deadline, openaiCall(openai.NewClient()))
		},
	},
	{
		name: "openai-go, timeout per try",
		how:  "the same with `option.WithRequestTimeout(D/3)` and `option.WithMaxRetries(2)`",
		start: func(t task, _ *transport) embed {
			return withDeadline(t.Deadline, openaiCall(openai.NewClient(
				option.WithRequestTimeout(t.Deadline/3),
				option.WithMaxRetries(2))))
		},
	},
	{
		name: "failsafe-go around openai-go",
		how: "`failsafe.With(retry, timeout, hedge)` around the whole call of the first column, so around its decoded value: " +
			"2 retries with a backoff from 50 ms, D/3 a try, 2 hedges D/10 apart",
		start: func(t task, _ *transport) embed {
			return withDeadline(t.Deadline, withFailsafe(t.Deadline, openaiCall(openai.NewClient())))
		},
	},
	{
		name: "Ragtime",
		how: "`shared/openai` over `shared/wire` in step embed, of an operation's budget D (`deadline.Begin`, `step.Run`); " +
			"it speaks HTTP/1.1 only",
		start: func(t task, transport *transport) embed {
			transport.RoundTripper = wire.New(wire.Options{Resolver: t.Resolver})
			return ragtimeCall(t, transport)
		},
	},
}

const (
	text       = "Who pays for a crown?"
	model      = openai.EmbeddingModelTextEmbedding3Small
	dimensions = 1536
)

type response = *openai.CreateEmbeddingResponse

// openaiCall returns a call of openai-go. Key and URL are in the environment.
func openaiCall(c openai.Client) func(context.Context) (response, error) {
	return func(ctx context.Context) (response, error) {
		return c.Embeddings.New(ctx, openai.EmbeddingNewParams{
			Model: model,
			Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String(text)},
		})
	}
}

// withFailsafe wraps a call in failsafe-go's retries, timeout and hedges.
func withFailsafe(d time.Duration, call func(context.Context) (response, error)) func(context.Context) (response, error) {
	executor := failsafe.With(
		retrypolicy.NewBuilder[response]().WithMaxRetries(2).WithBackoff(50*time.Millisecond, time.Second).Build(),
		timeout.New[response](d/3),
		hedgepolicy.NewBuilderWithDelay[response](d/10).WithMaxHedges(2).Build())
	return func(ctx context.Context) (response, error) {
		return executor.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[response]) (response, error) {
			return call(e.Context())
		})
	}
}

// withDeadline makes an embed of a call. d is its time.
func withDeadline(d time.Duration, call func(context.Context) (response, error)) embed {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		r, err := call(ctx)
		if err != nil {
			return err
		}
		if len(r.Data) != 1 || len(r.Data[0].Embedding) != dimensions {
			return errors.New("something else than one embedding came")
		}
		return nil
	}
}

// ragtimeCall embeds as Ragtime's functions do.
func ragtimeCall(t task, transport http.RoundTripper) embed {
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	api, err := provider.Preset(provider.OpenAI)
	if err == nil {
		api, err = api.WithBaseURL(t.URL)
	}
	if err != nil {
		return func() error { return err }
	}
	embedder := ragtime.NewEmbedder(api, client, ragtime.FixedKey(key), model, dimensions)
	return func() error {
		ctx, _ := evidence.With(context.Background())
		ctx, cancel, _, err := deadline.Begin(ctx, t.Deadline)
		defer cancel()
		if err != nil {
			return err
		}
		vectors, err := step.Run(ctx, fault.StepEmbed, 0, func(ctx context.Context) ([][]float32, error) {
			v, _, err := embedder.Embed(ctx, []string{text})
			return v, err
		})
		if err == nil && len(vectors) != 1 {
			err = fmt.Errorf("%d embeddings came for one text", len(vectors))
		}
		return err
	}
}
