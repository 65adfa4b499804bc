// Package query has the JSON fields that the functions retrieve and answer share.
package query

import (
	"cmp"

	"ragtime/shared/filter"
	"ragtime/shared/metadata"
	"ragtime/shared/rag"
)

// Fields are the fields of a request that say how to search.
type Fields struct {
	TopK     *int          `json:"top_k"`
	Filter   filter.Filter `json:"filter"`
	MinScore *float64      `json:"min_score"`
	Rank     *string       `json:"rank"`
	Merge    *bool         `json:"merge"`
}

// Query returns the query for the words. topK and merge are the defaults.
func (f Fields) Query(words string, topK int, merge bool) rag.Query {
	q := rag.Query{
		Text:     words,
		TopK:     topK,
		Filter:   f.Filter,
		MinScore: f.MinScore,
		Merge:    merge,
	}
	if f.TopK != nil {
		q.TopK = *f.TopK
	}
	if f.Rank != nil {
		// An empty name is a mistake, and not the default as in rag.Query.
		q.Rank = rag.Ranking(cmp.Or(*f.Rank, " "))
	}
	if f.Merge != nil {
		q.Merge = *f.Merge
	}
	return q
}

// Passage is a passage in an answer.
type Passage struct {
	DocumentID     string       `json:"document_id"`
	Chunk          int          `json:"chunk"`
	Chunks         int          `json:"chunks,omitempty"`  // with "merge": how many chunks it has, from Chunk on
	Context        string       `json:"context,omitempty"` // headings above the text, and the header of its table
	Text           string       `json:"text"`
	Score          float64      `json:"score"`
	SimilarityRank int          `json:"similarity_rank"`
	WordRank       int          `json:"word_rank,omitempty"` // absent where no word matched
	Words          []string     `json:"words"`
	Title          string       `json:"title"`
	Metadata       metadata.Map `json:"metadata"`
}

// Passages converts found passages to their JSON form; it never returns nil, so that
// none is an empty list.
func Passages(found []rag.Passage) []Passage {
	out := make([]Passage, len(found))
	for i, p := range found {
		out[i] = Passage{
			DocumentID:     p.DocumentID,
			Chunk:          p.Chunk,
			Chunks:         p.Chunks,
			Context:        p.Context,
			Text:           p.Text,
			Score:          p.Score,
			SimilarityRank: p.SimilarityRank,
			WordRank:       p.WordRank,
			Words:          p.Words,
			Title:          p.Title,
			Metadata:       p.Metadata,
		}
	}
	return out
}
