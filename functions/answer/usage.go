package main

import (
	"ragtime/shared/price"
	"ragtime/shared/rag"
)

// usage is how many tokens an answer took, and what they cost. The cost is absent if the
// price of one of the models is not known.
type usage struct {
	EmbeddingTokens  int      `json:"embedding_tokens"`
	PromptTokens     int      `json:"prompt_tokens"`
	CompletionTokens int      `json:"completion_tokens"`
	CostUSD          *float64 `json:"cost_usd,omitempty"`
}

type costs struct {
	prices         price.List
	embeddingModel string
}

// usage adds up the tokens of all attempts, also of those that failed, as far as the
// providers report them.
func (c costs) usage(got rag.AnswerResult) usage {
	out := usage{EmbeddingTokens: got.EmbeddingTokens}
	total, known := c.prices.Cost(c.embeddingModel, got.EmbeddingTokens, 0)
	for _, p := range got.Paid {
		out.PromptTokens += p.Prompt
		out.CompletionTokens += p.Completion
		usd, ok := c.prices.Cost(p.Model, p.Prompt, p.Completion)
		total += usd
		known = known && ok
	}
	if known {
		out.CostUSD = &total
	}
	return out
}
