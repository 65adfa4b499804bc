// Package openai implements rag.Embedder and rag.Generator over OpenAI-compatible APIs.
//
// It uses openai-go with that library's retries off, since package attempt decides about
// retries. It also reads answers itself. openai-go loses the status of an answer whose
// body hangs, or whose error is not in OpenAI's format, and reads bodies of any size into
// memory. Here an error is classified by its status first (see refusal), and an answer is
// read piece by piece, up to the size that the request can need (see decodeAnswer).
// Vectors are checked: one for each text, of the right dimensions, finite and not zero.
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

// Get returns the key.
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

	// One policy for requests of one text and one for batches, since their latencies differ.
	queries, batches *attempt.Policy
}

var _ rag.Embedder = (*Embedder)(nil)

// maxConcurrent is how many requests Embed has under way at once.
const maxConcurrent = 4

// NewEmbedder makes an Embedder for the API, which must have a base URL, over the client's
// transport. It gets the key at each call.
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

// Model implements rag.Embedder. The name has all that vectors depend on: provider, model
// and dimensions.
func (e *Embedder) Model() string {
	return e.api.Space() + "/" + e.model + "/" + strconv.Itoa(e.dimensions)
}

// Embed implements rag.Embedder. It sends the texts in batches within the API's limits, a
// few at once. The first batch that fails ends the others. The tokens are those of all
// answers that have a count, also of those that came too late to be used.
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
