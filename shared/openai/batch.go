package openai

import (
	"context"

	"ragtime/shared/chunk"
)

// What one request asks for at the most, whatever the API would take: an answer
// of that many numbers is 3 MB as base64 and at most 32 MB as text.
const (
	maxNumbers     = 512 << 10
	maxBatchTokens = 300_000
)

type span struct{ from, to int }

// batch cuts texts into runs that each fit one request. Counting tokens takes a
// while, so it minds the deadline.
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

// lowerLimit is ours, or the API's limit if it has one below that.
func lowerLimit(ours, theirs int) int {
	if theirs == 0 {
		return ours
	}
	return min(ours, theirs)
}
