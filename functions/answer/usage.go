package main

import (
	"ragtime/shared/price"
	"ragtime/shared/rag"
)

// usage is what an answer took. The cost is absent where a model has no known price.
type usage struct {
	EmbeddingTokens  int      `json:"embedding_tokens"`
	PromptTokens     int      `json:"prompt_tokens"`
	CompletionTokens int      `json:"completion_tokens"`
	CostUSD          *float64 `json:"cost_usd,omitempty"`
}

// costs knows what tokens cost.
type costs struct {
	prices         price.List
	embeddingModel string
}

// usage adds up what was paid for, by every attempt whose provider said so.
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
