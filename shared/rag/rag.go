// Package rag is the domain: it embeds documents, retrieves passages, and answers
// questions.
//
// It declares interfaces for what it needs (Embedder, Writer, Catalog, Searcher,
// Generator), and knows nothing of HTTP, AWS or OpenAI. Every wait on something outside is
// a step with a limit, so that a slow step does not take the time of the next one.
package rag

import (
	"context"
	"time"

	"ragtime/shared/metadata"
)

// Document is a tenant's document. Exactly one version of it is current.
type Document struct {
	ID         string
	Version    string // opaque; a later version sorts after an earlier one
	Title      string
	Collection string
	Metadata   metadata.Map
	Chunks     int    // how many chunks the version has
	Hash       string // of the text, and of how it is cut and embedded: see contentHash
	UpdatedAt  time.Time
}

// Chunk is a piece of a document's version, with its embedding.
type Chunk struct {
	N    int // from 0, in the order of the text
	Text string
	// Context has the headings above the text and the header of its table, a line each. It
	// is embedded with the text.
	Context   string
	Hash      string    // of context, text and the embedding model: equal hashes have equal embeddings
	Tokens    int       // of the text and its context
	Embedding []float32 // of the Embedder's dimensions
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
	SimilarityRank int      // from 1, among all that the search found
	WordRank       int      // from 1, among all that the search found; 0 if it has no word of the query
	Words          []string // the query's words, folded, that it has, whole or by four letters or more
	Chunks         int      // how many chunks it was merged from; 0 without Merge
	Metadata       metadata.Map
}

// Embedder turns texts into vectors.
type Embedder interface {
	// Embed returns one vector for each text, in order, and the tokens that were paid for.
	// All vectors have the same dimensions, and are finite and not zero. With an error it
	// returns nothing else.
	Embed(ctx context.Context, texts []string) (vectors [][]float32, tokens int, err error)
	// Model names what makes the vectors. Vectors of different models cannot be compared.
	Model() string
}

// Writer changes a tenant's documents.
type Writer interface {
	// Latest returns the current document, or the zero value where there is none, and the
	// version that the next one must sort after; "" for any. That is a later one than the
	// document's where another version may still become current.
	Latest(ctx context.Context, tenant, id string) (d Document, after string, err error)
	// Embeddings returns the embeddings of a version's chunks by chunk hash, with at least
	// four significant digits.
	Embeddings(ctx context.Context, tenant, id, version string) (byHash map[string][]float32, err error)
	// Replace makes the document with these chunks the current one, completely or not at
	// all. The error is a Conflict if a later version is current or was deleted. After any
	// other error it is not known whether the document was replaced.
	Replace(ctx context.Context, tenant string, d Document, chunks []Chunk) error
	// Delete deletes the document, and what is left of earlier versions. It is no error if
	// there is none. The error is a Conflict if a replacement won.
	Delete(ctx context.Context, tenant, id string) error
}

// Catalog reads a tenant's documents.
type Catalog interface {
	// Get returns a document. The error is NotFound where there is no current version.
	Get(ctx context.Context, tenant, id string) (Document, error)
	// List returns up to limit documents by ID, from the cursor of an earlier page on; an
	// empty cursor starts, and is returned with the last page. Any page may be shorter
	// than limit, or empty.
	List(ctx context.Context, tenant string, limit int, cursor string) (page []Document, next string, err error)
	// Chunks returns up to limit chunks of the current version in their order, without
	// embeddings, from the cursor of an earlier page on. The error is NotFound where there
	// is no current version, or another one than the cursor's.
	Chunks(ctx context.Context, tenant, id string, limit int, cursor string) (page []Chunk, next string, err error)
}

// Searcher finds a tenant's chunks by vector.
type Searcher interface {
	// Search returns up to k passages of current versions, the most similar first. Where it
	// has fewer than least, it takes the time to look for more. The index compares the
	// filter's document and collection. Metadata may be compared after the search, on the
	// at most 100 chunks that the index returns.
	//
	// With an error Search may return passages whose documents could not be read. They have
	// no title and no metadata, and their text may have been replaced or deleted.
	Search(ctx context.Context, tenant string, vector []float32, k, least int, f Filter) (Found, error)
}

// Found is the result of a search.
type Found struct {
	Passages []Passage
	// Incomplete says that fewer than least passages were found though there may be more:
	// too many of the 100 chunks that the index returned were not current or did not match
	// the filter.
	Incomplete bool
	Stale      int // documents of which the search met left-over chunks, which are never current again
}

// Store is what an adapter of a database implements; package ragtest tests it.
type Store interface {
	Writer
	Catalog
	Searcher
}
