// Package openai is rag's Embedder over an OpenAI-compatible API.
//
// It rides openai-go with that library's retries off (one loop decides: see
// attempt), and believes nothing that it did not check: the answer must have one
// vector per text, each with its index, of the model's dimension, finite and
// not zero.
package openai

import (
	"context"
	"net/http"
	"strconv"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"golang.org/x/sync/errgroup"

	"ragtime/shared/attempt"
	"ragtime/shared/rag"
)

// Key is where the API key comes from.
type Key interface {
	Get(context.Context) (string, error)
	// Refused is told of a key that the API does not take. It may have been replaced.
	Refused(key string)
}

// Fixed is a key that does not change.
type Fixed string

// Get gives the key.
func (f Fixed) Get(context.Context) (string, error) { return string(f), nil }

// Refused changes nothing.
func (Fixed) Refused(string) {}

// Embedder makes embeddings with one model. Safe for concurrent use.
type Embedder struct {
	service    openai.EmbeddingService
	key        Key
	model      string
	dimensions int

	queries, batches *attempt.Policy // one text's latencies say little of a batch's
}

var _ rag.Embedder = (*Embedder)(nil)

// concurrent is how many requests a document's embedding has under way at once.
const concurrent = 4

// New makes an Embedder for the API at baseURL (such as
// https://api.openai.com/v1), over the client's transport. The key is asked for
// at each call. The dimensions are sent to models that take them: all but
// text-embedding-ada-002.
func New(baseURL string, client *http.Client, key Key, model string, dimensions int) *Embedder {
	return &Embedder{
		service: openai.NewEmbeddingService(
			option.WithBaseURL(baseURL+"/"), option.WithHTTPClient(client), option.WithMaxRetries(0)),
		key: key, model: model, dimensions: dimensions,
		queries: attempt.New(attempt.Options{}), batches: attempt.New(attempt.Options{}),
	}
}

// Model is the model and its dimensions: vectors of another length do not compare.
func (e *Embedder) Model() string { return e.model + "/" + strconv.Itoa(e.dimensions) }

// Embed implements rag.Embedder. Texts go in batches within OpenAI's limits, a
// few at once; the first batch to fail for good ends the others.
func (e *Embedder) Embed(ctx context.Context, texts []string) ([][]float32, int, error) {
	key, err := e.key.Get(ctx)
	if err != nil {
		return nil, 0, err
	}
	batches, err := batch(ctx, texts)
	if err != nil {
		return nil, 0, err
	}
	policy := e.batches
	if len(texts) == 1 {
		policy = e.queries
	}
	vectors := make([][]float32, len(texts))
	tokens := make([]int, len(batches))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrent)
	for i, b := range batches {
		g.Go(func() error {
			got, err := attempt.Do(ctx, policy, func(ctx context.Context) (answer, error) {
				return e.request(ctx, key, texts[b.from:b.to])
			})
			copy(vectors[b.from:b.to], got.vectors)
			tokens[i] = got.tokens
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, err
	}
	total := 0
	for _, n := range tokens {
		total += n
	}
	return vectors, total, nil
}
