package dynamo

import (
	"context"
	"strconv"
)

// maxPage is how many bytes of items one Query reads.
const maxPage = 1 << 20

// page is what a Query reads, in order.
type page struct {
	table    *table
	hash     string
	bounds   []bound // on the sort key
	after    *string // ExclusiveStartKey's sort key
	backward bool
	limit    int // 0 for none
	vectors  bool
}

func (db *DB) query(ctx context.Context, t *table, q *request) ([]byte, error) {
	if q.index != "" {
		return nil, t.refuseIndex(q.index)
	}
	e, err := q.parse([]string{"FilterExpression", "KeyConditionExpression"}, "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	count, err := q.checkSelect()
	if err != nil {
		return nil, err
	}
	p, err := t.page(q, e)
	if err != nil {
		return nil, err
	}
	p.vectors = !count && e.projection == nil || t.namesVector(e)
	items, scanned, last, err := db.readPage(ctx, p, e.filter)
	if err != nil {
		return nil, err
	}
	answer := []byte(`{"Count":` + strconv.Itoa(len(items)) + `,"ScannedCount":` + strconv.Itoa(scanned))
	if !count {
		answer = append(answer, `,"Items":[`...)
		for i, it := range items {
			if i > 0 {
				answer = append(answer, ',')
			}
			answer = appendItem(answer, e.projection.apply(it))
		}
		answer = append(answer, ']')
	}
	if last != nil {
		answer = append(answer, `,"LastEvaluatedKey":`...)
		answer = appendItem(answer, last)
	}
	return append(answer, '}'), nil
}

func (t *table) refuseIndex(name string) error {
	for _, x := range t.indexes {
		if x.IndexName == name {
			return invalid("Query is not supported on a vector index, only SearchVectors: %s", name)
		}
	}
	return invalid("The table does not have the specified index: %s", name)
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

func (t *table) page(q *request, e *expressions) (*page, error) {
	if e.keys == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	p := &page{table: t, backward: q.backward}
	if q.limit != nil {
		if p.limit = *q.limit; p.limit < 1 {
			return nil, constraint("'"+strconv.Itoa(p.limit)+"'", "limit", "Member must have value greater than or equal to 1")
		}
	}
	if err := t.keyCondition(e.keys, p); err != nil {
		return nil, err
	}
	if err := t.checkFilter(e); err != nil {
		return nil, err
	}
	if q.start == nil {
		return p, nil
	}
	start, err := t.keyOf(q.start)
	if err != nil {
		return nil, invalid("The provided starting key is invalid: %s", err.(*apiError).message)
	}
	if start.hash != p.hash {
		return nil, invalid("The provided starting key is outside query boundaries based on provided conditions")
	}
	p.after = &start.sort
	return p, nil
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
// left; it gives those that pass the filter, the number it read, and the key
// of the last one it read if there may be more.
func (db *DB) readPage(ctx context.Context, p *page, filter condition) (items []item, scanned int, last item, err error) {
	where, args := p.where()
	rows, err := db.read.QueryContext(ctx, selectItems(p.vectors)+where, args...)
	if err != nil {
		return nil, 0, nil, err
	}
	defer rows.Close()
	room := maxPage
	var previous item
	for rows.Next() {
		it, size, err := p.table.scanItem(rows)
		if err != nil {
			return nil, 0, nil, err
		}
		if room -= size; room < 0 && scanned > 0 {
			return items, scanned, p.table.keyAttributes(previous), nil
		}
		scanned++
		if filter == nil || filter.test(it) {
			items = append(items, it)
		}
		if scanned == p.limit {
			return items, scanned, p.table.keyAttributes(it), nil
		}
		previous = it
	}
	return items, scanned, nil, rows.Err()
}

// where is the rest of a query after selectItems.
func (p *page) where() (string, []any) {
	s, args := "", []any{p.table.id, []byte(p.hash)}
	for _, b := range p.bounds {
		s += " AND sk " + b.op + " ?"
		args = append(args, []byte(b.than))
	}
	order, beyond := " ORDER BY sk", ">"
	if p.backward {
		order, beyond = " ORDER BY sk DESC", "<"
	}
	if p.after != nil {
		s += " AND sk " + beyond + " ?"
		args = append(args, []byte(*p.after))
	}
	return s + order, args
}
