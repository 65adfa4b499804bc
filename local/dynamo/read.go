package dynamo

import "context"

// wantsVector reports whether the items read need their vectors: to leave them
// packed saves most of the work.
func (t *table) wantsVector(e *expressions) bool { return e.projection == nil || t.namesVector(e) }

// namesVector reports whether an expression names the vector attribute.
func (t *table) namesVector(e *expressions) bool { return t.index != nil && e.heads[t.vectorName()] }

func (db *DB) getItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	if err := q.consumed.check(); err != nil {
		return nil, err
	}
	e, err := q.parse(nil, "ProjectionExpression")
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
	return q.consumed.add(answerItem("Item", e.projection.apply(it), it != nil), a.consumption), nil
}

// answerItem is an object with one member, an item; empty unless found.
func answerItem(member string, it item, found bool) []byte {
	if !found {
		return []byte("{}")
	}
	return addMember([]byte("{}"), member, appendItem(nil, it))
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
	*account
	parsed *expressions
	ids    []itemKey
	left   []item // keys that are throttled, or beyond maxAnswer
}

func (db *DB) batchGetItem(ctx context.Context, body string) ([]byte, error) {
	parts, want, err := db.parseBatchGet(ctx, body)
	if err != nil {
		return nil, err
	}
	answer := []byte(`{"Responses":{`)
	left := []byte(`},"UnprocessedKeys":{`)
	var all []consumption
	room, done, throttled := maxAnswer, 0, 0
	for i, part := range parts {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(appendString(answer, part.account.table.TableName), ':', '[')
		for j, id := range part.ids {
			if room <= 0 {
				part.left = append(part.left, part.keys[j])
				continue
			}
			if !part.admit(id, 0) {
				part.left = append(part.left, part.keys[j])
				throttled++
				continue
			}
			it, size, err := db.get(part.account.table, id, part.account.table.wantsVector(part.parsed))
			if err != nil {
				return nil, err
			}
			done++
			part.spend(id, readUnits(size, part.consistent))
			if it == nil {
				continue
			}
			room -= size
			if answer[len(answer)-1] != '[' {
				answer = append(answer, ',')
			}
			answer = appendItem(answer, part.parsed.projection.apply(it))
		}
		answer = append(answer, ']')
		left = part.appendLeft(left)
		all = append(all, part.consumption)
	}
	if done == 0 && throttled > 0 {
		return nil, parts[0].throttled()
	}
	return want.addAll(append(append(answer, left...), "}}"...), all), nil
}

// appendLeft writes the keys that are left, with all that a client needs to ask
// for them again.
func (p *batchGet) appendLeft(b []byte) []byte {
	if len(p.left) == 0 {
		return b
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(appendString(b, p.account.table.TableName), `:{"Keys":[`...)
	for i, key := range p.left {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, key)
	}
	b = append(b, ']')
	if p.consistent {
		b = append(b, `,"ConsistentRead":true`...)
	}
	if text, ok := p.expressions["ProjectionExpression"]; ok {
		b = appendString(append(b, `,"ProjectionExpression":`...), text)
	}
	if p.names != nil {
		b = append(b, `,"ExpressionAttributeNames":`...)
		names, _ := encode(p.names) // strings always encode
		b = append(b, names...)
	}
	return append(b, '}')
}

func (db *DB) parseBatchGet(ctx context.Context, body string) (parts []*batchGet, want consumed, err error) {
	r := &reader{text: body}
	r.object(func(name string) {
		switch name {
		case "RequestItems":
			r.object(func(name string) {
				q := r.request()
				q.table = tableName(name)
				parts = append(parts, &batchGet{request: q})
			})
		case "ReturnConsumedCapacity":
			want = consumed(r.str())
		default:
			r.skip()
		}
	})
	if r.end(); r.err != nil {
		return nil, "", r.err
	}
	if err := want.check(); err != nil {
		return nil, "", err
	}
	if len(parts) == 0 {
		return nil, "", constraint("'{}'", "requestItems", "Member must have length greater than or equal to 1")
	}
	total := 0
	for _, part := range parts {
		t, err := db.table(part.request.table)
		if err != nil {
			return nil, "", err
		}
		part.account = t.account(ctx, false)
		if part.parsed, err = part.parse(nil, "ProjectionExpression"); err != nil {
			return nil, "", err
		}
		n := len(part.keys)
		if total += n; n == 0 || n > maxBatchGet {
			return nil, "", constraint("'[...]'", "requestItems."+part.request.table+".member.keys",
				"Member must have length less than or equal to 100, Member must have length greater than or equal to 1")
		}
		seen := map[itemKey]bool{}
		for _, key := range part.keys {
			id, err := t.keyOf(key)
			if err != nil {
				return nil, "", err
			}
			if seen[id] {
				return nil, "", invalid("Provided list of item keys contains duplicates")
			}
			seen[id] = true
			part.ids = append(part.ids, id)
		}
	}
	if total > maxBatchGet {
		return nil, "", invalid("Too many items requested for the BatchGetItem call")
	}
	return parts, want, nil
}
