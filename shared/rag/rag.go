// Package rag is the domain: documents are embedded, passages retrieved.
//
// It declares what it needs of the world (Embedder, Writer, Catalog, Searcher)
// and knows nothing of HTTP, AWS or OpenAI. Every wait on something outside is a
// step with its own limit, so that a slow one never eats the time of the next.
package rag

import (
	"context"
	"time"
)

// Document is what a tenant put. Exactly one version of it is current.
type Document struct {
	ID         string
	Version    string // opaque; a later version sorts after an earlier one
	Title      string
	Collection string
	Metadata   map[string]string
	Chunks     int    // how many chunks the version has
	Hash       string // SHA-256 of the text, hex
	UpdatedAt  time.Time
}

// Chunk is a piece of a document's version, with its embedding.
type Chunk struct {
	N         int // from 0, in the order of the text
	Text      string
	Hash      string // of the text and the embedding model: equal hashes have equal embeddings
	Tokens    int
	Embedding []float32 // Embedder's dimensions
}

// Passage is a chunk that a search returned.
type Passage struct {
	DocumentID string
	Chunk      int
	Text       string
	Score      float64 // cosine similarity, -1 to 1
	Title      string
	// A search leaves these empty; Retrieve fills them in.
	SimilarityRank int      // from 1, among what the search found
	WordRank       int      // from 1, likewise; 0 where no word of the query is in it
	Words          []string // the query's words, folded, that are in it or whose beginnings are
	Chunks         int      // how many chunks it was merged from; 0 if merging was not asked for
	Metadata       map[string]string
}

// Embedder turns texts into vectors.
type Embedder interface {
	// Embed gives one vector per text, in order, all of one dimension, finite and
	// not zero, and the tokens that were paid for. On error it gives nothing.
	Embed(ctx context.Context, texts []string) (vectors [][]float32, tokens int, err error)
	// Model names what made the vectors; vectors of different models do not compare.
	Model() string
}

// Writer changes a tenant's documents.
type Writer interface {
	// Embeddings gives the embeddings of the document's current chunks by chunk
	// hash, and the version that the next one must sort after: the current one,
	// or a recent delete's, which has no chunks; "" where neither is.
	Embeddings(ctx context.Context, tenant, id string) (byHash map[string][]float32, version string, err error)
	// Replace makes the document with these chunks the current one, whole or not
	// at all, however it ends. It is a Conflict if a later version is current.
	Replace(ctx context.Context, tenant string, d Document, chunks []Chunk) error
	// Delete takes the document away, and what is left of earlier versions. No
	// document is no error; being overtaken by a replacement is a Conflict.
	Delete(ctx context.Context, tenant, id string) error
}

// Catalog shows a tenant's documents.
type Catalog interface {
	// Get is NotFound where there is no current version.
	Get(ctx context.Context, tenant, id string) (Document, error)
	// List gives up to limit documents by ID, after the cursor of an earlier
	// answer; an empty cursor starts, and is returned at the end.
	List(ctx context.Context, tenant string, limit int, cursor string) (page []Document, next string, err error)
}

// Searcher finds a tenant's chunks by vector.
type Searcher interface {
	// Search gives up to k passages of current versions, most similar first. The
	// filter's metadata is applied to what the index found: see Filter.
	Search(ctx context.Context, tenant string, vector []float32, k int, f Filter) ([]Passage, error)
}

// Store is all three; an adapter's conformance is tested as one.
type Store interface {
	Writer
	Catalog
	Searcher
}
