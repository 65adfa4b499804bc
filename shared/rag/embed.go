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

// What later steps of a put need at the least.
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

// PutResult tells what a put did.
type PutResult struct {
	Version  string
	Chunks   int
	Embedded int // chunks sent to the embedder
	Reused   int // chunks whose embedding was there already
	Tokens   int // embedding tokens paid for
	// Unchanged says that the document was there already, as it is: nothing was
	// written, and Version is that of then.
	Unchanged bool
}

// Embed puts a document: it replaces the one of the same ID, whole or not at
// all. A chunk whose text did not change keeps its embedding.
func Embed(ctx context.Context, tenant string, in Input, e Embedder, w Writer) (PutResult, error) {
	in.Text = normalizeText(in.Text)
	if err := in.validate(); err != nil {
		return PutResult{}, err
	}
	hash := contentHash(e.Model(), in.Text)
	type known struct {
		document Document
		after    string
	}
	before, err := step.Run(ctx, fault.StepRead, keepForEmbed, func(ctx context.Context) (known, error) {
		d, after, err := w.Latest(ctx, tenant, in.ID)
		return known{d, after}, err
	})
	if err != nil {
		return PutResult{}, err
	}
	// A put that failed may still be made, later than the document that is there:
	// only a new version keeps it from that.
	if in.unchanged(before.document, hash) && before.after == before.document.Version {
		return PutResult{Version: before.document.Version, Chunks: before.document.Chunks, Reused: before.document.Chunks, Unchanged: true}, nil
	}
	pieces, err := splitText(ctx, in.Text)
	if err != nil {
		return PutResult{}, err
	}
	var byHash map[string][]float32
	if v := before.document.Version; v != "" {
		byHash, err = step.Run(ctx, fault.StepRead, keepForEmbed, func(ctx context.Context) (map[string][]float32, error) {
			return w.Embeddings(ctx, tenant, in.ID, v)
		})
		if err != nil {
			return PutResult{}, err
		}
	}
	out := PutResult{Version: NewVersion(before.after), Chunks: len(pieces)}
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

// normalizeText takes a byte order mark off a text and makes every line end a line feed,
// so that one document saved by two editors is one text. Nothing else is changed.
func normalizeText(text string) string {
	return lineEnds.Replace(strings.TrimPrefix(text, "\ufeff"))
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// unchanged tells whether a put of the input would change nothing of the document.
func (in Input) unchanged(d Document, hash string) bool {
	return d.Version != "" && d.Hash == hash && d.Title == in.Title && d.Collection == in.Collection && maps.Equal(d.Metadata, in.Metadata)
}

// splitText cuts the text into chunks. It is the one part of an operation that takes
// long without waiting, so it minds the deadline itself.
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

// embedChunks gives every piece its embedding: a known one, or a new one. A text that
// occurs twice is sent once.
func (out *PutResult) embedChunks(ctx context.Context, pieces []chunk.Chunk, known map[string][]float32, e Embedder) ([]Chunk, error) {
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

// Delete takes a document away; that there was none is no error.
func Delete(ctx context.Context, tenant, id string, w Writer) error {
	if err := ValidID("document_id", id); err != nil {
		return err
	}
	return step.Do(ctx, fault.StepStore, 0, func(ctx context.Context) error {
		return w.Delete(ctx, tenant, id)
	})
}

// cuttingVersion names the way in which texts are cut: a document that was cut in
// another way is cut again by its next put, changed or not.
const cuttingVersion = "3"

// contentHash is equal for what makes equal chunks with equal embeddings.
func contentHash(model, text string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s", cuttingVersion, model, text)
	return hex.EncodeToString(h.Sum(nil))
}

// chunkHash is of a text with its context.
func chunkHash(model, text string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s", model, text)
	return hex.EncodeToString(h.Sum(nil))
}

// NewVersion makes a version that no one else makes and that sorts after every
// earlier one: the time in milliseconds and 40 random bits. Clocks of function
// environments differ a little, so it also sorts after the version it replaces.
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
