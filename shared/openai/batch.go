package openai

import (
	"context"

	"ragtime/shared/chunk"
)

// OpenAI's limits of one embeddings request
// (https://platform.openai.com/docs/api-reference/embeddings/create).
const (
	maxInputs = 2048
	maxTokens = 300_000
)

type span struct{ from, to int }

// batch cuts texts into runs that each fit one request. Counting tokens takes a
// while, so it minds the deadline.
func batch(ctx context.Context, texts []string) ([]span, error) {
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
