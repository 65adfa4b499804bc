package openai

import (
	"context"

	"ragtime/shared/chunk"
)

// The most that one request asks for, even if the API would take more. An answer with so
// many numbers has 3 MB as base64, and at most 32 MB as text.
const (
	maxNumbers     = 512 << 10
	maxBatchTokens = 300_000
)

// span is the texts from index from up to, and without, index to.
type span struct{ from, to int }

// batch divides texts into spans that each fit into one request. Counting tokens takes a
// while, so batch stops when ctx is done.
func (e *Embedder) batch(ctx context.Context, texts []string) ([]span, error) {
	maxInputs := lowerLimit(max(1, maxNumbers/e.dimensions), e.api.Inputs)
	maxTokens := lowerLimit(maxBatchTokens, e.api.Tokens)
	var out []span
	from, tokens := 0, 0
	for i, t := range texts {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		n := chunk.Count(t)
		if i > from && (i-from == maxInputs || tokens+n > maxTokens) {
			out = append(out, span{from, i})
			from, tokens = i, 0
		}
		tokens += n
	}
	return append(out, span{from, len(texts)}), nil
}

// lowerLimit is the lower of our limit and the API's; 0 is no limit of the API's.
func lowerLimit(ours, theirs int) int {
	if theirs == 0 {
		return ours
	}
	return min(ours, theirs)
}
