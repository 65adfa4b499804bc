// Package openai is rag's Embedder and Generator over OpenAI-compatible APIs.
//
// It rides openai-go with that library's retries off (one loop decides: see
// attempt), and with its reading of answers replaced: it loses the status of an
// answer whose body hangs or has an error of another shape than OpenAI's, and
// reads whatever comes into memory. Here a refusal is read by its status first
// (see refusal), and an answer piece by piece, within what the question can need
// (see decode). Nothing is believed that was not checked: there must be one vector
// a text, of the model's dimension, finite and not zero.
package openai

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/openai/openai-go/v3"
	"golang.org/x/sync/errgroup"

	"ragtime/shared/attempt"
	"ragtime/shared/provider"
	"ragtime/shared/rag"
)

// Key is where the API key comes from.
type Key interface {
	Get(context.Context) (string, error)
	// Invalidate is called with a key that the API refused: it may have been replaced.
	Invalidate(key string)
}

// FixedKey is a key that does not change.
type FixedKey string

// Get gives the key.
func (f FixedKey) Get(context.Context) (string, error) { return string(f), nil }

// Invalidate changes nothing.
func (FixedKey) Invalidate(string) {}

// Embedder makes embeddings with one model. Safe for concurrent use.
type Embedder struct {
	api        provider.API
	service    openai.EmbeddingService
	key        Key
	model      string
	dimensions int

	queries, batches *attempt.Policy // one text's latencies say little of a batch's
}

var _ rag.Embedder = (*Embedder)(nil)

// maxConcurrent is how many requests a document's embedding has under way at once.
const maxConcurrent = 4

// NewEmbedder makes an Embedder for the API, which has a base URL, over the client's
// transport. The key is asked for at each call.
func NewEmbedder(api provider.API, client *http.Client, key Key, model string, dimensions int) *Embedder {
	return &Embedder{
		api:        api,
		service:    openai.NewEmbeddingService(requestOptions(api, client)...),
		key:        key,
		model:      model,
		dimensions: dimensions,
		queries:    attempt.New(attempt.Options{}),
		batches:    attempt.New(attempt.Options{}),
	}
}

// Model names the space that the vectors are in: who makes them, with which
// model, and their dimensions.
func (e *Embedder) Model() string {
	return e.api.Space() + "/" + e.model + "/" + strconv.Itoa(e.dimensions)
}

// Embed implements rag.Embedder. Texts go in batches within the API's limits, a
// few at once; the first batch to fail for good ends the others. The tokens are
// those of every answer that said them, whether it was used or came too late.
func (e *Embedder) Embed(ctx context.Context, texts []string) ([][]float32, int, error) {
	key, err := e.key.Get(ctx)
	if err != nil {
		return nil, 0, err
	}
	batches, err := e.batch(ctx, texts)
	if err != nil {
		return nil, 0, err
	}
	policy := e.batches
	if len(texts) == 1 {
		policy = e.queries
	}
	vectors := make([][]float32, len(texts))
	var tokens atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxConcurrent)
	for _, b := range batches {
		g.Go(func() error {
			got, err := attempt.Do(ctx, policy, func(ctx context.Context) ([][]float32, error) {
				a, err := e.request(ctx, key, texts[b.from:b.to])
				tokens.Add(int64(a.tokens))
				return a.vectors, err
			})
			copy(vectors[b.from:b.to], got)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, err
	}
	return vectors, int(tokens.Load()), nil
}
