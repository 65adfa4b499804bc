package dynamo

import (
	"bytes"
	"context"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// maxPage is how many bytes of items one Query or Scan reads.
const maxPage = 1 << 20

// wantsVector reports whether the items read need their vectors: to leave them
// packed saves most of the work.
func (t *table) wantsVector(e *expressions) bool {
	return e.projection == nil || t.index != nil && e.heads[t.vectorName()]
}

func (db *DB) getItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parse("ProjectionExpression")
	if err != nil {
		return nil, err
	}
	key, err := t.keyOf(q.key)
	if err != nil {
		return nil, err
	}
	a := t.account(ctx, false)
	if !a.admit(key, 0) {
		return nil, a.throttled()
	}
	it, size, err := db.get(t, key, t.wantsVector(e))
	if err != nil {
		return nil, err
	}
	a.spend(key, readUnits(size, q.consistent))
	answer := []byte("{}")
	if it != nil {
		answer = addMember(answer, "Item", appendItem(nil, e.projection.apply(it)))
	}
	return q.consumed.add(answer, a.consumption), nil
}

// get reads one item, nil if there is none, and its size; with its vector only
// if asked.
func (db *DB) get(t *table, key itemKey, vector bool) (it item, size int, err error) {
	err = db.file.View(func(in *bolt.Tx) error {
		s := t.stored(in, key)
		size = s.size
		it, err = t.decode(s, vector)
		return err
	})
	return it, size, err
}

func (db *DB) query(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parse("FilterExpression", "KeyConditionExpression", "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	if e.keys == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	hash, sorts, err := t.keyCondition(e.keys)
	if err != nil {
		return nil, err
	}
	if q.start != nil {
		start, err := t.keyOf(q.start)
		if err != nil || start.hash != hash {
			return nil, invalid("The provided starting key is outside query boundaries based on provided conditions")
		}
		sorts.from = max(sorts.from, start.sort+"\x00")
	}
	from, to := itemKey{hash, sorts.from}.bytes(), itemKey{hash, sorts.to}.bytes()
	if !sorts.ends {
		to = []byte(escapeZero.Replace(hash) + afterHash)
	}
	a := t.account(ctx, false)
	if !a.admit(itemKey{hash: hash}, 0) {
		return nil, a.throttled()
	}
	answer, size, err := db.readPage(t, q, e, from, to)
	if err != nil {
		return nil, err
	}
	a.spend(itemKey{hash: hash}, readUnits(size, q.consistent))
	return q.consumed.add(answer, a.consumption), nil
}

// scan reads a table from one end to the other, for people: it is not throttled.
func (db *DB) scan(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parse("FilterExpression", "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	var from []byte
	if q.start != nil {
		start, err := t.keyOf(q.start)
		if err != nil {
			return nil, err
		}
		from = append(start.bytes(), 0)
	}
	answer, size, err := db.readPage(t, q, e, from, nil)
	if err != nil {
		return nil, err
	}
	a := t.account(ctx, false)
	a.count(readUnits(size, q.consistent))
	return q.consumed.add(answer, a.consumption), nil
}

// readPage reads items in order, from the one stored key to before the other, nil
// for the end, until the limit or a megabyte is reached. It answers with those that
// pass the filter, the number it read, and the key of the last one it read if there
// may be more; size is of all that it read.
func (db *DB) readPage(t *table, q *request, e *expressions, from, to []byte) (answer []byte, size int, err error) {
	if q.index != "" {
		return nil, 0, invalid("A vector index can only be searched with SearchVectors: %s", q.index)
	}
	items := []byte{'['}
	count, scanned := 0, 0
	var last item
	err = db.file.View(func(in *bolt.Tx) error {
		var previous item
		c := t.items(in).Cursor()
		for k, b := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, b = c.Next() {
			s := decodeStored(b)
			if size+s.size > maxPage && scanned > 0 {
				last = t.keyAttributes(previous)
				return nil
			}
			it, err := t.decode(s, t.wantsVector(e))
			if err != nil {
				return err
			}
			scanned++
			size += s.size
			if e.filter == nil || e.filter.test(it) {
				count++
				items = appendItem(separated(items), e.projection.apply(it))
			}
			if scanned == q.limit {
				last = t.keyAttributes(it)
				return nil
			}
			previous = it
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	answer = []byte(`{"Count":` + strconv.Itoa(count) + `,"ScannedCount":` + strconv.Itoa(scanned) + `}`)
	answer = addMember(answer, "Items", append(items, ']'))
	if last != nil {
		answer = addMember(answer, "LastEvaluatedKey", appendItem(nil, last))
	}
	return answer, size, nil
}
