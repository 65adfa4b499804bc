package dynamo

import (
	"bytes"
	"context"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

// maxPage is how many bytes of items one Query or Scan reads.
const maxPage = 1 << 20

// page is what a Query or Scan reads, in order.
type page struct {
	table     *table
	from, to  []byte // stored keys: from the one, to before the other
	backward  bool
	limit     int // 0 for none
	vector    bool
	countOnly bool
}

func (db *DB) query(ctx context.Context, t *table, q *request) ([]byte, error) {
	if q.index != "" {
		return nil, t.refuseIndex(q.index)
	}
	e, err := q.parse([]string{"FilterExpression", "KeyConditionExpression"}, "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	p, err := t.page(q, e)
	if err != nil {
		return nil, err
	}
	hash, err := t.partition(q, e, p)
	if err != nil {
		return nil, err
	}
	a := t.account(ctx, false)
	if !a.admit(itemKey{hash: hash}, 0) {
		return nil, a.throttled()
	}
	answer, size, err := db.readPage(p, e)
	if err != nil {
		return nil, err
	}
	a.spend(itemKey{hash: hash}, readUnits(size, q.consistent))
	return q.consumed.add(answer, a.consumption), nil
}

// scan reads a table from one end to the other, for people: it is not throttled.
func (db *DB) scan(ctx context.Context, t *table, q *request) ([]byte, error) {
	if q.index != "" {
		return nil, t.refuseIndex(q.index)
	}
	e, err := q.parse([]string{"FilterExpression"}, "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	p, err := t.page(q, e)
	if err != nil {
		return nil, err
	}
	if q.start != nil {
		start, err := t.startKey(q)
		if err != nil {
			return nil, err
		}
		p.from = append(start.bytes(), 0)
	}
	answer, size, err := db.readPage(p, e)
	if err != nil {
		return nil, err
	}
	a := t.account(ctx, false)
	a.count(readUnits(size, q.consistent))
	return q.consumed.add(answer, a.consumption), nil
}

func (t *table) refuseIndex(name string) error {
	if t.index != nil && t.index.IndexName == name {
		return invalid("A vector index can only be searched with SearchVectors: %s", name)
	}
	return invalid("The table does not have the specified index: %s", name)
}

// page is the part of a request that Query and Scan have in common.
func (t *table) page(q *request, e *expressions) (*page, error) {
	if err := q.consumed.check(); err != nil {
		return nil, err
	}
	p := &page{table: t, backward: q.backward}
	var err error
	if p.countOnly, err = q.checkSelect(); err != nil {
		return nil, err
	}
	if q.limit != nil {
		if p.limit = *q.limit; p.limit < 1 {
			return nil, constraint("'"+strconv.Itoa(p.limit)+"'", "limit", "Member must have value greater than or equal to 1")
		}
	}
	p.vector = !p.countOnly && e.projection == nil || t.namesVector(e)
	return p, nil
}

// checkSelect checks Select against the projection; count asks for no items.
func (q *request) checkSelect() (count bool, err error) {
	if err := oneOf("select", q.selects, "SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"); err != nil {
		return false, err
	}
	_, projects := q.expressions["ProjectionExpression"]
	switch {
	case q.selects == "ALL_PROJECTED_ATTRIBUTES":
		return false, invalidParameter("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case q.selects == "SPECIFIC_ATTRIBUTES" && !projects:
		return false, invalidParameter("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case q.selects != "" && q.selects != "SPECIFIC_ATTRIBUTES" && projects:
		return false, invalid("Cannot specify the ProjectionExpression when choosing to get %s", q.selects)
	}
	return q.selects == "COUNT", nil
}

// partition sets the page's bounds to what the key condition names.
func (t *table) partition(q *request, e *expressions, p *page) (hash string, err error) {
	if e.keys == nil {
		return "", invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	hash, sorts, err := t.keyCondition(e.keys)
	if err != nil {
		return "", err
	}
	if err := t.checkFilter(e); err != nil {
		return "", err
	}
	if q.start != nil {
		start, err := t.startKey(q)
		switch {
		case err != nil:
			return "", err
		case start.hash != hash:
			return "", invalid("The provided starting key is outside query boundaries based on provided conditions")
		case q.backward:
			sorts = sorts.and(bounds{to: start.sort, ends: true})
		default:
			sorts = sorts.and(bounds{from: start.sort + "\x00"})
		}
	}
	p.from = itemKey{hash, sorts.from}.bytes()
	p.to = itemKey{hash, sorts.to}.bytes()
	if !sorts.ends {
		p.to = []byte(escapeZero.Replace(hash) + afterHash)
	}
	return hash, nil
}

func (t *table) startKey(q *request) (itemKey, error) {
	start, err := t.keyOf(q.start)
	if err != nil {
		return start, invalid("The provided starting key is invalid: %s", err.(*apiError).message)
	}
	return start, nil
}

// checkFilter refuses a filter on the key, which only the key condition knows.
func (t *table) checkFilter(e *expressions) error {
	for _, k := range t.KeySchema {
		if e.filtered[k.AttributeName] {
			return invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", k.AttributeName)
		}
	}
	return nil
}

// readPage reads items until the limit or a megabyte is reached, or none is
// left. It answers with those that pass the filter, the number it read, and the
// key of the last one it read if there may be more; size is of all that it read.
func (db *DB) readPage(p *page, e *expressions) (answer []byte, size int, err error) {
	items := []byte{'['}
	count, scanned := 0, 0
	var last item
	err = db.file.View(func(in *bolt.Tx) error {
		var previous item
		for b := range p.walk(in) {
			s := decodeStored(b)
			if size+s.size > maxPage && scanned > 0 {
				last = p.table.keyAttributes(previous)
				return nil
			}
			it, err := p.table.decode(s, p.vector)
			if err != nil {
				return err
			}
			scanned++
			size += s.size
			if e.filter == nil || e.filter.test(it) {
				if count++; !p.countOnly {
					if len(items) > 1 {
						items = append(items, ',')
					}
					items = appendItem(items, e.projection.apply(it))
				}
			}
			if scanned == p.limit {
				last = p.table.keyAttributes(it)
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
	if !p.countOnly {
		answer = addMember(answer, "Items", append(items, ']'))
	}
	if last != nil {
		answer = addMember(answer, "LastEvaluatedKey", appendItem(nil, last))
	}
	return answer, size, nil
}

// walk gives the stored items of the page's range, in order.
func (p *page) walk(in *bolt.Tx) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		items := p.table.items(in)
		if items == nil {
			return
		}
		c := items.Cursor()
		step, k, b := c.Next, []byte(nil), []byte(nil)
		if p.backward {
			step = c.Prev
			if k, _ = c.Seek(p.to); k == nil {
				k, b = c.Last()
			} else {
				k, b = c.Prev()
			}
		} else {
			k, b = c.Seek(p.from)
		}
		for ; k != nil && bytes.Compare(k, p.from) >= 0 && (p.to == nil || bytes.Compare(k, p.to) < 0); k, b = step() {
			if !yield(b) {
				return
			}
		}
	}
}
