// Package rag is the domain: documents are embedded, passages retrieved.
//
// It declares what it needs of the world (Embedder, Writer, Catalog, Searcher)
// and knows nothing of HTTP, AWS or OpenAI. Every wait on something outside is a
// step with its own limit, so that a slow one never eats the time of the next.
package rag

import (
	"context"
	"time"

	"ragtime/shared/metadata"
)

// Document is what a tenant put. Exactly one version of it is current.
type Document struct {
	ID         string
	Version    string // opaque; a later version sorts after an earlier one
	Title      string
	Collection string
	Metadata   metadata.Map
	Chunks     int    // how many chunks the version has
	Hash       string // of the text and of what makes chunks and embeddings of it: see contentHash
	UpdatedAt  time.Time
}

// Chunk is a piece of a document's version, with its embedding.
type Chunk struct {
	N    int // from 0, in the order of the text
	Text string
	// Context is what stands above the text in the document, a line each: headings,
	// and a table's header. It is embedded with it.
	Context   string
	Hash      string    // of context, text and the embedding model: equal hashes have equal embeddings
	Tokens    int       // of the text and its context
	Embedding []float32 // Embedder's dimensions
}

// Passage is a chunk that a search returned.
type Passage struct {
	DocumentID string
	Chunk      int
	Text       string
	Context    string  // of the chunk
	Score      float64 // cosine similarity, -1 to 1
	Title      string
	// A search leaves these empty; Retrieve fills them in.
	SimilarityRank int      // from 1, among what the search found
	WordRank       int      // from 1, likewise; 0 where no word of the query is in it
	Words          []string // the query's words, folded, that are in it or whose beginnings are
	Chunks         int      // how many chunks it was merged from; 0 if merging was not asked for
	Metadata       metadata.Map
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
	// Latest gives the current document, the zero value where there is none, and
	// the version that the next one must sort after; "" for any. It is later than
	// the document's where another version may yet become current.
	Latest(ctx context.Context, tenant, id string) (d Document, after string, err error)
	// Embeddings gives the embeddings of a version's chunks by chunk hash. They have
	// at least four significant digits of what was put.
	Embeddings(ctx context.Context, tenant, id, version string) (byHash map[string][]float32, err error)
	// Replace makes the document with these chunks the current one, whole or not
	// at all, however it ends. It is a Conflict if a later version is current or was
	// deleted. After another error nobody knows whether it was made.
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
	// A page may be shorter than limit, or empty, with a cursor.
	List(ctx context.Context, tenant string, limit int, cursor string) (page []Document, next string, err error)
	// Chunks gives up to limit chunks of the current version in their order, without
	// embeddings, after the cursor of an earlier answer. It is NotFound where there
	// is no current version, or no longer the one of the cursor.
	Chunks(ctx context.Context, tenant, id string, limit int, cursor string) (page []Chunk, next string, err error)
}

// Searcher finds a tenant's chunks by vector.
type Searcher interface {
	// Search gives up to k passages of current versions, most similar first; where
	// it has fewer than least it takes the time to look for more. A filter's
	// document and collection are the index's to compare; metadata may be compared
	// after the search, with the 100 chunks that the index gives at the most.
	// With an error it may give passages whose documents could not be read: they
	// have no title and no metadata, and some may be of text that was replaced or
	// deleted.
	Search(ctx context.Context, tenant string, vector []float32, k, least int, f Filter) (Found, error)
}

// Found is what a search gave.
type Found struct {
	Passages []Passage
	// Incomplete says that there may be more than the fewer than least that were
	// found: the index gives 100 chunks, and too many of those did not count or did
	// not meet the filter.
	Incomplete bool
	Stale      int // documents whose left-over chunks, which never count again, were in the way
}

// Store is all three; an adapter's conformance is tested as one.
type Store interface {
	Writer
	Catalog
	Searcher
}
