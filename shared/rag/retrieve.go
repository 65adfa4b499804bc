package rag

import (
	"context"
	"slices"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/filter"
	"ragtime/shared/step"
)

// keepForSearch is what a search needs at the least.
const keepForSearch = 6 * time.Second

// Filter narrows a search; the zero value does not.
type Filter = filter.Filter

// Query is a search in words.
type Query struct {
	Text     string
	TopK     int // 1 to 100
	Filter   Filter
	MinScore *float64 // the least similarity of a passage; nil for any
	Rank     Ranking  // "" is Fused
	Merge    bool     // adjacent chunks of one document become one passage, which may leave fewer than TopK
}

// searchSize is how many chunks are ranked to give TopK of them: the most that one
// search gives.
const searchSize = 100

// RetrieveResult is what a query found.
type RetrieveResult struct {
	Passages   []Passage // best first
	Incomplete bool      // there may be more: see Found
	Stale      int       // see Found
	Tokens     int       // embedding tokens paid for
}

// Retrieve finds the passages of the tenant's current documents that fit the
// query best, best first: see Rank. With an error it may give what a Searcher gives with
// one, and the tokens that were paid for.
func Retrieve(ctx context.Context, tenant string, q Query, e Embedder, s Searcher) (RetrieveResult, error) {
	if err := q.validate(); err != nil {
		return RetrieveResult{}, err
	}
	var out RetrieveResult
	vectors, err := step.Run(ctx, fault.StepEmbed, keepForSearch, func(ctx context.Context) ([][]float32, error) {
		v, tokens, err := e.Embed(ctx, []string{q.Text})
		out.Tokens = tokens
		return v, err
	})
	if err != nil {
		return out, err
	}
	var found Found
	_, err = step.Run(ctx, fault.StepSearch, 0, func(ctx context.Context) (struct{}, error) {
		var err error
		found, err = s.Search(ctx, tenant, vectors[0], searchSize, q.TopK, q.Filter)
		return struct{}{}, err
	})
	out.Passages = q.choose(found.Passages)
	out.Incomplete = found.Incomplete
	out.Stale = found.Stale
	return out, err
}

// choose makes the answer of what was found.
func (q Query) choose(found []Passage) []Passage {
	for i := range found {
		// Rounding may take a cosine over its bounds.
		found[i].Score = max(-1, min(1, found[i].Score))
	}
	ranked := Rank(q.Text, found, q.Rank)
	if q.MinScore != nil {
		ranked = slices.DeleteFunc(ranked, func(p Passage) bool { return p.Score < *q.MinScore })
	}
	ranked = ranked[:min(q.TopK, len(ranked))]
	if q.Merge {
		return merge(ranked)
	}
	return ranked
}

// Get shows a document.
func Get(ctx context.Context, tenant, id string, c Catalog) (Document, error) {
	if err := ValidID("document_id", id); err != nil {
		return Document{}, err
	}
	return step.Run(ctx, fault.StepRead, 0, func(ctx context.Context) (Document, error) {
		return c.Get(ctx, tenant, id)
	})
}

// Page is a part of a tenant's list of documents.
type Page struct {
	Documents []Document
	Cursor    string // of the next page; empty on the last
}

// List shows a tenant's documents by ID; limit is 1 to 100.
func List(ctx context.Context, tenant string, limit int, cursor string, c Catalog) (Page, error) {
	if limit < 1 || limit > 100 {
		return Page{}, fault.InvalidField("limit", "must be from 1 to 100, not %d", limit)
	}
	return step.Run(ctx, fault.StepRead, 0, func(ctx context.Context) (Page, error) {
		d, next, err := c.List(ctx, tenant, limit, cursor)
		return Page{d, next}, err
	})
}

// ChunkPage is a part of a document's chunks.
type ChunkPage struct {
	Chunks []Chunk // without embeddings
	Cursor string  // of the next page; empty on the last
}

// Chunks shows the chunks of a document's current version in their order; limit
// is 1 to 100.
func Chunks(ctx context.Context, tenant, id string, limit int, cursor string, c Catalog) (ChunkPage, error) {
	if err := ValidID("document_id", id); err != nil {
		return ChunkPage{}, err
	}
	if limit < 1 || limit > 100 {
		return ChunkPage{}, fault.InvalidField("limit", "must be from 1 to 100, not %d", limit)
	}
	return step.Run(ctx, fault.StepRead, 0, func(ctx context.Context) (ChunkPage, error) {
		chunks, next, err := c.Chunks(ctx, tenant, id, limit, cursor)
		return ChunkPage{chunks, next}, err
	})
}
