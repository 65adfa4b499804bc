package dynamo

import (
	"encoding/binary"
	"maps"
	"math"
	"strconv"
)

// maxItem is DynamoDB's limit to an item's size in bytes.
const maxItem = 400 << 10

// row is an item that is to be stored.
type row struct {
	key    itemKey
	it     item
	size   int    // as it is billed
	text   []byte // the item as JSON, less the vector
	vector []byte // packed
	entry  entry  // of the table's vector index
}

// row checks an item and prepares it for storage.
func (t *table) row(it item) (*row, error) {
	key, err := t.keyIn(it)
	if err != nil {
		return nil, err
	}
	size, billed := t.sizes(it)
	if size > maxItem {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	vector, err := t.vectorOf(it)
	if err != nil {
		return nil, err
	}
	if err := t.checkSearchSchema(it); err != nil {
		return nil, err
	}
	r := &row{key: key, it: it, size: billed, entry: t.entryOf(it, vector)}
	if vector != nil {
		r.vector = packFloats(vector)
		it = maps.Clone(it)
		delete(it, t.vectorName())
	}
	r.text = appendItem(nil, it)
	return r, nil
}

// checkSearchSchema refuses an item whose value for the search schema is of
// another type than declared, or whose HASH is empty.
func (t *table) checkSearchSchema(it item) error {
	if t.index == nil {
		return nil
	}
	for _, e := range t.index.SearchSchema {
		got, ok := it[e.AttributeName]
		if !ok {
			continue
		}
		if got.kind != kindS {
			return invalid("One or more parameter values were invalid. Attribute '%s' type mismatch. Expected: S, Actual: %s. IndexName: %s",
				e.AttributeName, got.kind, t.index.IndexName)
		}
		if got.text == "" && e.SearchSchemaElementType == "HASH" {
			return invalid("One or more parameter values are not valid. A value specified for a secondary index key is not supported. "+
				"The AttributeValue for a key attribute cannot contain an empty string value. IndexName: %s, IndexKey: %s", t.index.IndexName, e.AttributeName)
		}
	}
	return nil
}

// vectorName is the attribute that the vector index holds, "" without one.
func (t *table) vectorName() string {
	if t.index == nil {
		return ""
	}
	return t.index.VectorAttribute.AttributeName
}

// vectorOf reads the item's vector; nil where it has none.
func (t *table) vectorOf(it item) ([]float32, error) {
	name := t.vectorName()
	v, ok := it[name]
	if t.index == nil || !ok {
		return nil, nil
	}
	if v.kind != kindL {
		return nil, invalidParameter("Invalid type for parameter %s, Expected: L, Actual: %s. IndexName: %s", name, v.kind, t.index.IndexName)
	}
	if len(v.list) != t.index.Dimensions {
		return nil, invalidParameter("Invalid size for parameter %s, Expected: %d, Actual: %d. IndexName: %s", name, t.index.Dimensions, len(v.list), t.index.IndexName)
	}
	vector, bad := floats(v.list)
	if bad >= 0 {
		return nil, invalidParameter("Invalid type for parameter %s[%d], Expected: 32-bit floating point N, Actual: %s. IndexName: %s",
			name, bad, describe(v.list[bad]), t.index.IndexName)
	}
	return vector, nil
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

// Embeddings are most of the data. They are stored as little-endian float32: what a
// number has beside that is lost.
func packFloats(vector []float32) []byte {
	b := make([]byte, 0, 4*len(vector))
	for _, f := range vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// stored is an item as the file has it. It shares memory with the file, which
// may change when the transaction ends. The zero storedItem is of no item.
type storedItem struct {
	size   int
	text   []byte
	vector []byte
}

func (r *row) encode() []byte {
	b := make([]byte, 0, 2*binary.MaxVarintLen32+len(r.text)+len(r.vector))
	b = binary.AppendUvarint(b, uint64(r.size))
	b = binary.AppendUvarint(b, uint64(len(r.text)))
	b = append(b, r.text...)
	return append(b, r.vector...)
}

func decodeStored(b []byte) storedItem {
	if b == nil {
		return storedItem{}
	}
	size, n := binary.Uvarint(b)
	length, m := binary.Uvarint(b[n:])
	text := b[n+m:]
	return storedItem{int(size), text[:length], text[length:]}
}

func (s storedItem) floats() []float32 {
	if len(s.vector) == 0 {
		return nil
	}
	vector := make([]float32, len(s.vector)/4)
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(s.vector[4*i:]))
	}
	return vector
}

// decode reads a stored item; nil if there is none. Without its vector it comes
// much cheaper. The item shares no memory with the file.
func (t *table) decode(s storedItem, vector bool) (item, error) {
	if s.text == nil {
		return nil, nil
	}
	r := &reader{text: string(s.text)}
	it := r.attributesAt(0) // was checked when it was written
	if vector && len(s.vector) > 0 {
		it[t.vectorName()] = listOf(s.floats())
	}
	return it, r.err
}

func listOf(vector []float32) value {
	v := value{kind: kindL, list: make([]value, len(vector))}
	for i, f := range vector {
		v.list[i] = value{kind: kindN, text: strconv.FormatFloat(float64(f), 'f', -1, 32)}
	}
	return v
}
