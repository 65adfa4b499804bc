package dynamo

import (
	"bytes"
	"strconv"
)

// What an operation costs, by the developer guide ("DynamoDB read and write
// operations", "Item sizes and formats", "Monitoring vector index capacity"):
//
//	write unit   1 KB of the larger of the item before and after; a write of
//	             nothing costs one, and one whose condition fails as if it had held
//	read unit    4 KB of an item; of a Query or Scan, of all items that it read
//	             together, whatever a filter or projection leaves of them; half
//	             of it unless ConsistentRead; a read of nothing costs one
//	vector index bytes, see entryBytes; they are no units, and at least 1 KB
//
// On a table with a vector index, DynamoDB bills the indexed attribute at 4
// bytes a dimension, whatever its digits: dynoxide's changelog has it, measured
// in two regions. Only the limit of 400 KB an item counts digits.
const (
	writeUnit      = 1024
	readUnit       = 4096
	minVectorBytes = 1024
)

// sizes are what an item counts for against the limit of 400 KB, and in units.
func (t *table) sizes(it item) (size, billed int) {
	for name, v := range it {
		n := len(name) + v.size()
		size += n
		if t.index != nil && name == t.vectorName() {
			n = len(name) + 4*t.index.Dimensions
		}
		billed += n
	}
	return size, billed
}

func writeUnits(before, after int) float64 { return units(max(before, after), writeUnit) }

func readUnits(size int, consistent bool) float64 {
	n := units(size, readUnit)
	if !consistent {
		n /= 2
	}
	return n
}

func units(size, unit int) float64 { return float64(max(1, (size+unit-1)/unit)) }

// entryBytes is what the index holds of an item that is in it: the vector at 4
// bytes a dimension, its attribute's name, and the size of what else is
// projected.
func (t *table) entryBytes(it item) int {
	n := 4*t.index.Dimensions + len(t.vectorName())
	for name, v := range it {
		if t.copies(name) && name != t.vectorName() {
			n += len(name) + v.size()
		}
	}
	return n
}

// copies tells whether the index holds the attribute.
func (t *table) copies(name string) bool {
	return name == t.vectorName() || t.index.projects(&t.definition, name)
}

// indexBytes is what a write costs in the vector index: the larger of the
// entries before and after, nothing if they are equal or there is none.
func (t *table) indexBytes(b before, after *row) (float64, error) {
	if t.index == nil {
		return 0, nil
	}
	n := 0
	var now item
	if after != nil && after.entry.vector != nil {
		now, n = after.it, after.entry.bytes
	}
	if b.vector != nil {
		old, err := b.table.decode(b.storedItem, false)
		if err != nil {
			return 0, err
		}
		if _, indexed := old[t.index.hash()]; indexed {
			if now != nil && t.sameEntry(old, now) && bytes.Equal(b.vector, after.vector) {
				return 0, nil
			}
			n = max(n, t.entryBytes(old))
		}
	}
	if n == 0 {
		return 0, nil
	}
	return float64(max(n, minVectorBytes)), nil
}

// sameEntry compares what the index holds of two items beside the vector.
func (t *table) sameEntry(a, b item) bool {
	for _, it := range []item{a, b} {
		for name := range it {
			if name != t.vectorName() && t.copies(name) && !a[name].equal(b[name]) {
				return false
			}
		}
	}
	return true
}

// consumption is what a call cost of one table.
type consumption struct {
	table   *table
	units   float64
	indexed float64 // VectorWriteRequestBytes
}

// consumed is ReturnConsumedCapacity: "" or NONE, TOTAL, INDEXES.
type consumed string

func (r *reader) consumed() consumed {
	return consumed(r.oneOf("ReturnConsumedCapacity", "NONE", "TOTAL", "INDEXES"))
}

func (c consumed) none() bool { return c == "" || c == "NONE" }

// add adds the member ConsumedCapacity to an answer, if the request wants it.
func (c consumed) add(answer []byte, n consumption) []byte {
	if c.none() {
		return answer
	}
	return addMember(answer, "ConsumedCapacity", c.append(nil, n))
}

func (c consumed) append(b []byte, n consumption) []byte {
	b = appendString(append(b, `{"TableName":`...), n.table.TableName)
	b = appendFloat(append(b, `,"CapacityUnits":`...), n.units)
	if c == "INDEXES" {
		b = append(b, `,"Table":{"CapacityUnits":`...)
		b = append(appendFloat(b, n.units), '}')
		if n.indexed > 0 {
			b = appendString(append(b, `,"VectorIndexes":{`...), n.table.index.IndexName)
			b = append(b, `:{"VectorWriteRequestBytes":`...)
			b = append(appendFloat(b, n.indexed), "}}"...)
		}
	}
	return append(b, '}')
}

func appendFloat(b []byte, n float64) []byte { return strconv.AppendFloat(b, n, 'f', -1, 64) }

// addMember adds a member to an object.
func addMember(object []byte, name string, value []byte) []byte {
	object = object[:len(object)-1]
	if object[len(object)-1] != '{' {
		object = append(object, ',')
	}
	object = append(appendString(object, name), ':')
	return append(append(object, value...), '}')
}
