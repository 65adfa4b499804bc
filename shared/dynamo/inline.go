package dynamo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"ragtime/shared/metadata"
	"ragtime/shared/rag"
)

// maxInline is how many bytes of a value are in a chunk's filter attribute as they
// are. What is longer is there as a hash, so that no limit of the index is met.
const maxInline = 256

// inline are the metadata keys whose equality the vector index compares. The index
// has as many filters for them as FilterKeys may have, named filter_1 and so on, so
// that keys can be declared later than the index was made. A filter's value names
// the key: where another key was declared when a chunk was written, it finds nothing.
type inline []string

// Declare makes the index compare equality of these keys, in the chunks that are put
// from now on. The index needs an inline filter filter_<n> for each.
func (t *Table) Declare(keys ...string) *Table {
	t.inline = keys
	return t
}

func inlineName(i int) string { return fmt.Sprintf("filter_%d", i+1) }

func inlineValue(key string, v metadata.Value) string {
	text := v.String()
	if len(text) <= maxInline {
		return key + "=" + text
	}
	sum := sha256.Sum256([]byte(text))
	return key + "#" + hex.EncodeToString(sum[:])
}

// label adds the attributes of a document's metadata to its chunk.
func (keys inline) label(i item, m metadata.Map) {
	for n, key := range keys {
		if v, ok := m[key]; ok {
			i[inlineName(n)] = str(inlineValue(key, v))
		}
	}
}

// condition is the part of a search's condition that asks for the values, with
// their names and values added to the expression's.
func (keys inline) condition(values metadata.Map, names map[string]string, bound item) string {
	out := ""
	for n, key := range keys {
		if v, ok := values[key]; ok {
			name := inlineName(n)
			out += " AND #" + name + " = :" + name
			names["#"+name], bound[":"+name] = name, str(inlineValue(key, v))
		}
	}
	return out
}

// name is how the document item says which keys its chunks have.
func (keys inline) name() string { return strings.Join(keys, ",") }

// known takes a document's hash away where its chunks were written under other
// declared keys: then its next put writes them again, changed or not.
func (keys inline) known(i item, d rag.Document) rag.Document {
	if text(i, "filter_keys") != keys.name() {
		d.Hash = ""
	}
	return d
}
