package rag

import (
	"context"
	"slices"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/filter"
	"ragtime/shared/step"
)

// keepForSearch is the least that a search needs.
const keepForSearch = 6 * time.Second

// Filter restricts a search. The zero value matches all documents.
type Filter = filter.Filter

// Query is a search for a text.
type Query struct {
	Text     string
	TopK     int // 1 to 100
	Filter   Filter
	MinScore *float64 // the least similarity of a passage; nil for any
	Rank     Ranking  // "" is Fused
	Merge    bool     // join adjacent chunks of a document, which may leave fewer than TopK passages
}

// searchSize is how many chunks are ranked to choose TopK of them: the most that one search
// returns.
const searchSize = 100

// RetrieveResult is the result of Retrieve.
type RetrieveResult struct {
	Passages   []Passage // best first
	Incomplete bool      // there may be more: see Found
	Stale      int       // see Found
	Tokens     int       // embedding tokens paid for
}

// Retrieve finds the passages of the tenant's current documents that fit the query best, the
// best first: see Rank. With an error it returns the tokens that were paid for, and what
// Searcher.Search returns with an error.
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
	err = step.Do(ctx, fault.StepSearch, 0, func(ctx context.Context) (err error) {
		found, err = s.Search(ctx, tenant, vectors[0], searchSize, q.TopK, q.Filter)
		return err
	})
	out.Passages = q.choose(found.Passages)
	out.Incomplete = found.Incomplete
	out.Stale = found.Stale
	return out, err
}

// choose ranks what was found, and picks the passages for the answer.
func (q Query) choose(found []Passage) []Passage {
	for i := range found {
		// Rounding may make a cosine a little more than 1, or less than -1.
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

// Get returns a document.
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

// List returns a tenant's documents by ID. limit must be 1 to 100.
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

// Chunks returns the chunks of a document's current version in their order. limit must be 1
// to 100.
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
