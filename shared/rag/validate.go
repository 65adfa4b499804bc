package rag

import (
	"strings"
	"unicode/utf8"

	"ragtime/shared/chunk"
	"ragtime/shared/fault"
)

// The limits of a request's fields.
const (
	MaxText  = 1 << 20 // bytes of a document, which a function can put within its budget
	MaxTitle = 500     // characters
	MaxQuery = 8192    // tokens, OpenAI's limit of an input
	// maxQueryBytes is the most that a query is counted for. Few tokens have more than 16
	// bytes, so a longer query has more than MaxQuery tokens.
	maxQueryBytes = MaxQuery * 16
)

// ValidID checks a document's id or a collection's name: 1 to 128 of A-Za-z0-9._~- and not
// "." or "..", which HTTP clients remove from paths.
func ValidID(field, id string) error {
	if len(id) < 1 || len(id) > 128 {
		return fault.InvalidField(field, "must have 1 to 128 characters, not %d", len(id))
	}
	if id == "." || id == ".." {
		return fault.InvalidField(field, "must not be . or ..")
	}
	for _, r := range id {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._~-", r)
		if !ok {
			return fault.InvalidField(field, "must be of A-Z a-z 0-9 . _ ~ - only")
		}
	}
	return nil
}

func (in Input) validate() error {
	if err := ValidID("document_id", in.ID); err != nil {
		return err
	}
	if strings.TrimSpace(in.Text) == "" {
		return fault.InvalidField("text", "must not be empty")
	}
	if len(in.Text) > MaxText {
		return fault.InvalidField("text", "must have at most %d bytes, not %d", MaxText, len(in.Text))
	}
	if err := checkText("text", in.Text); err != nil {
		return err
	}
	if err := checkLength("title", in.Title, MaxTitle); err != nil {
		return err
	}
	if in.Collection != "" {
		if err := ValidID("collection", in.Collection); err != nil {
			return err
		}
	}
	return in.Metadata.Check("metadata")
}

func (q Query) validate() error {
	if strings.TrimSpace(q.Text) == "" {
		return fault.InvalidField("query", "must not be empty")
	}
	if err := checkText("query", q.Text); err != nil {
		return err
	}
	if len(q.Text) > maxQueryBytes || len(q.Text) > MaxQuery && chunk.Count(q.Text) > MaxQuery {
		return fault.InvalidField("query", "must have at most %d tokens", MaxQuery)
	}
	if q.TopK < 1 || q.TopK > 100 {
		return fault.InvalidField("top_k", "must be from 1 to 100, not %d", q.TopK)
	}
	if q.MinScore != nil && !(*q.MinScore >= -1 && *q.MinScore <= 1) { // refuses NaN too
		return fault.InvalidField("min_score", "must be from -1 to 1, not %g", *q.MinScore)
	}
	if q.Rank != "" && q.Rank != Fused && q.Rank != Similarity {
		return fault.InvalidField("rank", "must be %q or %q", Similarity, Fused)
	}
	if id := q.Filter.DocumentID; id != "" {
		if err := ValidID("filter.document_id", id); err != nil {
			return err
		}
	}
	if c := q.Filter.Collection; c != "" {
		return ValidID("filter.collection", c)
	}
	return nil
}

func checkLength(field, s string, most int) error {
	if n := utf8.RuneCountInString(s); n > most {
		return fault.InvalidField(field, "must have at most %d characters, not %d", most, n)
	}
	return checkText(field, s)
}

// checkText refuses text that is not UTF-8, or was not before it came here: API Gateway and
// JSON decoders replace invalid bytes by U+FFFD. Storing that would lose text silently.
func checkText(field, s string) error {
	if !utf8.ValidString(s) {
		return fault.InvalidField(field, "must be valid UTF-8")
	}
	if strings.ContainsRune(s, utf8.RuneError) {
		return fault.InvalidField(field, "must be valid UTF-8: it contains U+FFFD, the mark of bytes that were not (at byte %d)", strings.IndexRune(s, utf8.RuneError))
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		return fault.InvalidField(field, "must not contain a NUL character (at byte %d)", i)
	}
	return nil
}
