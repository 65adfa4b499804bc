package dynamo

import (
	"context"
	"slices"
)

// wantsVectors reports whether the items read need their vectors: to leave
// them packed saves most of the work.
func (t *table) wantsVectors(e *expressions) bool { return e.projection == nil || t.namesVector(e) }

// namesVector reports whether an expression names a vector attribute.
func (t *table) namesVector(e *expressions) bool {
	return slices.ContainsFunc(t.vectorAttributes, func(a vectorAttribute) bool { return e.heads[a.name] })
}

func (db *DB) getItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parse(nil, "ProjectionExpression")
	if err != nil {
		return nil, err
	}
	key, err := t.keyOf(q.key)
	if err != nil {
		return nil, err
	}
	it, err := db.get(ctx, t, key, t.wantsVectors(e))
	if err != nil {
		return nil, err
	}
	return answerItem("Item", e.projection.apply(it), it != nil), nil
}

// answerItem is an object with one member, an item; empty unless found.
func answerItem(member string, it item, found bool) []byte {
	if !found {
		return []byte("{}")
	}
	b := append([]byte(`{"`), member...)
	b = append(b, `":`...)
	return append(appendItem(b, it), '}')
}

// maxBatchGet is how many keys one BatchGetItem can have, and maxAnswer how
// many bytes of items it gives.
const (
	maxBatchGet = 100
	maxAnswer   = 16 << 20
)

// batchGet is one table's part of a BatchGetItem.
type batchGet struct {
	*request
	table  *table
	parsed *expressions
	ids    []itemKey
}

func (db *DB) batchGetItem(ctx context.Context, body string) ([]byte, error) {
	parts, err := db.parseBatchGet(body)
	if err != nil {
		return nil, err
	}
	answer := []byte(`{"Responses":{`)
	left := []byte(`},"UnprocessedKeys":{`)
	room := maxAnswer
	for i, part := range parts {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = appendString(answer, part.table.TableName)
		answer = append(answer, ':', '[')
		first := true
		for j, id := range part.ids {
			if room <= 0 {
				left = appendUnprocessed(left, part, j)
				break
			}
			it, err := db.get(ctx, part.table, id, part.table.wantsVectors(part.parsed))
			if err != nil {
				return nil, err
			}
			if it == nil {
				continue
			}
			room -= it.size()
			if !first {
				answer = append(answer, ',')
			}
			first = false
			answer = appendItem(answer, part.parsed.projection.apply(it))
		}
		answer = append(answer, ']')
	}
	return append(append(answer, left...), "}}"...), nil
}

// appendUnprocessed writes the part's keys from the given one on, with all
// that a client needs to ask for them again.
func appendUnprocessed(b []byte, part batchGet, from int) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = appendString(b, part.table.TableName)
	b = append(b, `:{"Keys":[`...)
	for i, key := range part.keys[from:] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, key)
	}
	b = append(b, ']')
	if text, ok := part.expressions["ProjectionExpression"]; ok {
		b = appendString(append(b, `,"ProjectionExpression":`...), text)
	}
	if part.names != nil {
		b = append(b, `,"ExpressionAttributeNames":`...)
		names, _ := encode(part.names) // strings always encode
		b = append(b, names...)
	}
	return append(b, '}')
}

func (db *DB) parseBatchGet(body string) ([]batchGet, error) {
	r := &reader{text: body}
	var parts []batchGet
	r.object(func(name string) {
		if name != "RequestItems" {
			r.skip()
			return
		}
		r.object(func(name string) {
			q := r.request()
			q.table = tableName(name)
			parts = append(parts, batchGet{request: q})
		})
	})
	if r.end(); r.err != nil {
		return nil, r.err
	}
	if len(parts) == 0 {
		return nil, constraint("'{}'", "requestItems", "Member must have length greater than or equal to 1")
	}
	total := 0
	for i := range parts {
		part := &parts[i]
		var err error
		if part.table, err = db.table(part.request.table); err != nil {
			return nil, err
		}
		if part.parsed, err = part.parse(nil, "ProjectionExpression"); err != nil {
			return nil, err
		}
		n := len(part.keys)
		if total += n; n == 0 || n > maxBatchGet {
			return nil, constraint("'[...]'", "requestItems."+part.request.table+".member.keys",
				"Member must have length less than or equal to 100, Member must have length greater than or equal to 1")
		}
		seen := map[itemKey]bool{}
		for _, key := range part.keys {
			id, err := part.table.keyOf(key)
			if err != nil {
				return nil, err
			}
			if seen[id] {
				return nil, invalid("Provided list of item keys contains duplicates")
			}
			seen[id] = true
			part.ids = append(part.ids, id)
		}
	}
	if total > maxBatchGet {
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	return parts, nil
}
