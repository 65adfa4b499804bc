package openai

import (
	"strconv"

	"ragtime/shared/chunk"
)

// OpenAI's limits of one embeddings request
// (https://platform.openai.com/docs/api-reference/embeddings/create).
const (
	maxInputs = 2048
	maxTokens = 300_000
)

type span struct{ from, to int }

// batch cuts texts into runs that each fit one request.
func batch(texts []string) []span {
	var out []span
	from, tokens := 0, 0
	for i, t := range texts {
		n := chunk.Count(t)
		if i > from && (i-from == maxInputs || tokens+n > maxTokens) {
			out = append(out, span{from, i})
			from, tokens = i, 0
		}
		tokens += n
	}
	return append(out, span{from, len(texts)})
}

func itoa(n int) string { return strconv.Itoa(n) }
