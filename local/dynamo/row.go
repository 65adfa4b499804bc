package dynamo

import (
	"database/sql"
	"math"
	"strconv"
	"strings"
)

// maxItem is DynamoDB's limit to an item's size in bytes.
const maxItem = 400 << 10

// row is an item as it is stored. Embeddings are most of the data: each vector
// attribute is in vectors as float32, and left out of the text if its decimal
// numbers can be had back from there exactly.
type row struct {
	key     itemKey
	size    int           // by DynamoDB's rules
	expires sql.NullInt64 // Unix seconds, if the table has a time to live
	text    string        // the item as JSON
	vectors []byte        // of all vector attributes, see packVectors
	entries []entry       // one for each vector index of the table
}

// row checks an item and prepares it for storage. tooLarge is the message for
// an item over 400 KB.
func (t *table) row(it item, tooLarge string) (*row, error) {
	key, err := t.keyIn(it)
	if err != nil {
		return nil, err
	}
	r := &row{key: key, size: it.size(), expires: t.expiry(it)}
	if r.size > maxItem {
		return nil, invalid("%s", tooLarge)
	}
	vectors, err := t.vectorsOf(it)
	if err != nil {
		return nil, err
	}
	for i := range t.VectorIndexes {
		if err := t.checkSearchSchema(&t.VectorIndexes[i], it); err != nil {
			return nil, err
		}
	}
	r.entries = t.entriesOf(it, vectors)
	var omit map[string]bool
	r.vectors, omit = t.packVectors(it, vectors)
	r.text = string(appendItem(nil, it.without(omit)))
	return r, nil
}

// checkSearchSchema refuses an item whose value for the search schema is of
// another type than declared, as for the key of a secondary index.
func (t *table) checkSearchSchema(v *vectorDefinition, it item) error {
	for _, e := range v.SearchSchema {
		got, ok := it[e.AttributeName]
		if want := t.attributeType(e.AttributeName); ok && got.kind != want {
			return invalidParameter("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", e.AttributeName, want, got.kind, v.IndexName)
		}
	}
	return nil
}

func (it item) without(names map[string]bool) item {
	if len(names) == 0 {
		return it
	}
	out := make(item, len(it))
	for name, v := range it {
		if !names[name] {
			out[name] = v
		}
	}
	return out
}

// vectorAttribute is an attribute that one or more vector indexes hold.
type vectorAttribute struct {
	name       string
	dimensions int
	index      string // the first index on it, for errors
}

// vectorsOf reads the vector attributes of it, in the order of
// t.vectorAttributes; nil where it has none.
func (t *table) vectorsOf(it item) ([][]float32, error) {
	out := make([][]float32, len(t.vectorAttributes))
	for i, a := range t.vectorAttributes {
		v, ok := it[a.name]
		if !ok {
			continue
		}
		if v.kind != kindL {
			return nil, invalidParameter("Invalid type for parameter %s, Expected: L, Actual: %s. IndexName: %s", a.name, v.kind, a.index)
		}
		if len(v.list) != a.dimensions {
			return nil, invalidParameter("Invalid size for parameter %s, Expected: %d, Actual: %d. IndexName: %s", a.name, a.dimensions, len(v.list), a.index)
		}
		vector, bad := floats(v.list)
		if bad >= 0 {
			return nil, invalidParameter("Invalid type for parameter %s[%d], Expected: 32-bit floating point N, Actual: %s. IndexName: %s",
				a.name, bad, describe(v.list[bad]), a.index)
		}
		out[i] = vector
	}
	return out, nil
}

// floats converts numbers to float32, rounding; bad is the index of the first
// value that is no number or beyond float32, -1 if there is none.
func floats(list []value) (vector []float32, bad int) {
	vector = make([]float32, len(list))
	for i, v := range list {
		f, err := strconv.ParseFloat(v.text, 32)
		if v.kind != kindN || err != nil {
			return nil, i
		}
		vector[i] = float32(f)
	}
	return vector, -1
}

// How a packed vector relates to the item's text.
const (
	packedNone   = iota // the item has no such vector
	packedWhole         // the text leaves the vector out
	packedApprox        // the text has it too: its numbers are no float32
)

// packVectors encodes vectors for storage: for each of t.vectorAttributes a
// byte packedX, and unless that is packedNone, its float32 numbers,
// little-endian. omit names the attributes that this makes superfluous in the
// item's text.
func (t *table) packVectors(it item, vectors [][]float32) (packed []byte, omit map[string]bool) {
	for i, a := range t.vectorAttributes {
		switch {
		case vectors[i] == nil:
			packed = append(packed, packedNone)
			continue
		case exact(it[a.name].list, vectors[i]):
			packed = append(packed, packedWhole)
			if omit == nil {
				omit = map[string]bool{}
			}
			omit[a.name] = true
		default:
			packed = append(packed, packedApprox)
		}
		packed = appendFloats(packed, vectors[i])
	}
	return packed, omit
}

// exact reports whether the shortest decimals of vector are those of list.
func exact(list []value, vector []float32) bool {
	var buf [64]byte
	for i, v := range list {
		if string(strconv.AppendFloat(buf[:0], float64(vector[i]), 'f', -1, 32)) != v.text {
			return false
		}
	}
	return true
}

func appendFloats(b []byte, vector []float32) []byte {
	for _, f := range vector {
		n := math.Float32bits(f)
		b = append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	}
	return b
}

// unpackVectors undoes packVectors. whole tells which of them the item's text
// leaves out.
func (t *table) unpackVectors(packed []byte) (vectors [][]float32, whole []bool) {
	vectors = make([][]float32, len(t.vectorAttributes))
	whole = make([]bool, len(t.vectorAttributes))
	for i, a := range t.vectorAttributes {
		if len(packed) == 0 {
			break
		}
		how := packed[0]
		packed = packed[1:]
		if n := 4 * a.dimensions; how != packedNone && len(packed) >= n {
			vectors[i] = make([]float32, a.dimensions)
			for j := range vectors[i] {
				b := packed[4*j:]
				vectors[i][j] = math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
			}
			whole[i] = how == packedWhole
			packed = packed[n:]
		}
	}
	return vectors, whole
}

// decodeItem reads a stored item. Without its packed column it comes without
// the vectors, which is much cheaper.
func (t *table) decodeItem(text string, packed []byte) (item, error) {
	r := &reader{text: text}
	it := r.attributesAt(0) // was checked when it was written
	if r.err != nil || packed == nil {
		return it, r.err
	}
	vectors, whole := t.unpackVectors(packed)
	for i, a := range t.vectorAttributes {
		if whole[i] {
			it[a.name] = listOf(vectors[i])
		}
	}
	return it, nil
}

func listOf(vector []float32) value {
	v := value{kind: kindL, list: make([]value, len(vector))}
	var all strings.Builder // one allocation for all the numbers
	all.Grow(12 * len(vector))
	ends := make([]int, len(vector))
	var buf [64]byte
	for i, f := range vector {
		all.Write(strconv.AppendFloat(buf[:0], float64(f), 'f', -1, 32))
		ends[i] = all.Len()
	}
	start := 0
	for i, end := range ends {
		v.list[i] = value{kind: kindN, text: all.String()[start:end]}
		start = end
	}
	return v
}
