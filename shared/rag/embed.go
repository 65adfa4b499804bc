package rag

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"ragtime/shared/chunk"
	"ragtime/shared/fault"
	"ragtime/shared/metadata"
	"ragtime/shared/step"
)

// The least that later steps of a put need.
const (
	keepForStore = 6 * time.Second
	keepForEmbed = 16 * time.Second
)

// Input is a document to put.
type Input struct {
	ID         string
	Text       string
	Title      string
	Collection string
	Metadata   metadata.Map
}

// PutResult is what a put did.
type PutResult struct {
	Version  string
	Chunks   int
	Embedded int // texts sent to the embedder
	Reused   int // chunks whose embedding was known
	Tokens   int // embedding tokens paid for
	// Unchanged says that the same document was there already: nothing was written, and
	// Version is the one that was there.
	Unchanged bool
}

// Embed puts a document, in place of the one with the same ID, if there is one. It puts the
// whole document or nothing. A chunk whose text did not change keeps its embedding.
func Embed(ctx context.Context, tenant string, in Input, e Embedder, w Writer) (PutResult, error) {
	in.Text = normalizeText(in.Text)
	if err := in.validate(); err != nil {
		return PutResult{}, err
	}
	hash := contentHash(e.Model(), in.Text)
	var before Document
	var after string // the version that the next one must sort after
	err := step.Do(ctx, fault.StepRead, keepForEmbed, func(ctx context.Context) (err error) {
		before, after, err = w.Latest(ctx, tenant, in.ID)
		return err
	})
	if err != nil {
		return PutResult{}, err
	}
	// Where after is not before's version, another put may still become current: only a
	// new version prevents that.
	if in.unchanged(before, hash) && after == before.Version {
		return PutResult{
			Version:   before.Version,
			Chunks:    before.Chunks,
			Reused:    before.Chunks,
			Unchanged: true,
		}, nil
	}
	pieces, err := splitText(ctx, in.Text)
	if err != nil {
		return PutResult{}, err
	}
	var byHash map[string][]float32
	if before.Version != "" {
		err = step.Do(ctx, fault.StepRead, keepForEmbed, func(ctx context.Context) (err error) {
			byHash, err = w.Embeddings(ctx, tenant, in.ID, before.Version)
			return err
		})
		if err != nil {
			return PutResult{}, err
		}
	}
	out := PutResult{Version: NewVersion(after), Chunks: len(pieces)}
	chunks, err := out.embedChunks(ctx, pieces, byHash, e)
	if err != nil {
		return PutResult{}, err
	}
	d := Document{
		ID:         in.ID,
		Version:    out.Version,
		Title:      in.Title,
		Collection: in.Collection,
		Metadata:   in.Metadata,
		Chunks:     len(chunks),
		Hash:       hash,
		UpdatedAt:  time.Now().UTC(),
	}
	err = step.Do(ctx, fault.StepStore, 0, func(ctx context.Context) error {
		return w.Replace(ctx, tenant, d, chunks)
	})
	if err != nil {
		return PutResult{}, err
	}
	return out, nil
}

// normalizeText removes a byte order mark and makes every line end a line feed, so that a
// document saved by two editors is the same text.
func normalizeText(text string) string {
	return lineEnds.Replace(strings.TrimPrefix(text, "\ufeff"))
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// unchanged tells whether a put of the input would change nothing about the document.
func (in Input) unchanged(d Document, hash string) bool {
	return d.Version != "" &&
		d.Hash == hash &&
		d.Title == in.Title &&
		d.Collection == in.Collection &&
		maps.Equal(d.Metadata, in.Metadata)
}

// splitText cuts the text into chunks. That may take long without any wait, so it stops
// when ctx is done.
func splitText(ctx context.Context, text string) ([]chunk.Chunk, error) {
	var pieces []chunk.Chunk
	for c := range chunk.All(text, chunk.Options{}) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		pieces = append(pieces, c)
	}
	return pieces, nil
}

// embedChunks returns the pieces with their embeddings. known has embeddings by chunk hash;
// the other texts go to the embedder, each only once.
func (out *PutResult) embedChunks(
	ctx context.Context,
	pieces []chunk.Chunk,
	known map[string][]float32,
	e Embedder,
) ([]Chunk, error) {
	chunks := make([]Chunk, len(pieces))
	vectors := make(map[string][]float32, len(pieces))
	var texts, hashes []string
	for i, p := range pieces {
		whole := chunk.WithContext(p.Context, p.Text)
		h := chunkHash(e.Model(), whole)
		chunks[i] = Chunk{
			N:       i,
			Text:    p.Text,
			Context: p.Context,
			Hash:    h,
			Tokens:  p.Tokens,
		}
		if _, seen := vectors[h]; seen {
			out.Reused++
		} else if v, ok := known[h]; ok {
			vectors[h] = v
			out.Reused++
		} else {
			vectors[h] = nil
			texts = append(texts, whole)
			hashes = append(hashes, h)
		}
	}
	out.Embedded = len(texts)
	if len(texts) > 0 {
		made, err := step.Run(ctx, fault.StepEmbed, keepForStore, func(ctx context.Context) ([][]float32, error) {
			v, tokens, err := e.Embed(ctx, texts)
			out.Tokens = tokens
			return v, err
		})
		if err != nil {
			return nil, err
		}
		for i, h := range hashes {
			vectors[h] = made[i]
		}
	}
	for i := range chunks {
		chunks[i].Embedding = vectors[chunks[i].Hash]
	}
	return chunks, nil
}

// Delete deletes a document. It is no error if there is none.
func Delete(ctx context.Context, tenant, id string, w Writer) error {
	if err := ValidID("document_id", id); err != nil {
		return err
	}
	return step.Do(ctx, fault.StepStore, 0, func(ctx context.Context) error {
		return w.Delete(ctx, tenant, id)
	})
}

// cuttingVersion changes whenever texts are cut in another way. A document that was cut in
// the old way is then cut again by its next put, even if it did not change.
const cuttingVersion = "3"

// contentHash is equal for texts that give equal chunks with equal embeddings.
func contentHash(model, text string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s", cuttingVersion, model, text)
	return hex.EncodeToString(h.Sum(nil))
}

// chunkHash is the hash of a chunk's text with its context.
func chunkHash(model, text string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s", model, text)
	return hex.EncodeToString(h.Sum(nil))
}

// NewVersion makes a unique version that sorts after earlier ones: the time in milliseconds
// and 40 random bits. Since clocks differ a little, it takes a later time where it would
// not sort after the given version.
func NewVersion(after string) string {
	ms := time.Now().UnixMilli()
	if stamp, _, ok := strings.Cut(after, "-"); ok {
		if seen, err := strconv.ParseInt(stamp, 16, 64); err == nil {
			ms = max(ms, seen+1)
		}
	}
	random := make([]byte, 5)
	rand.Read(random) // never fails: crypto/rand
	return fmt.Sprintf("%012x-%x", ms, random)
}
