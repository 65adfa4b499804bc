package dynamo

import "context"

// DynamoDB's limits to batches: items to write, keys to read, and bytes of items
// that are read.
const (
	maxBatchWrite = 25
	maxBatchGet   = 100
	maxAnswer     = 16 << 20
)

// batch is a call on several items of one table; on more tables than one it is refused.
type batch struct {
	*account
	request *request // BatchGetItem's part
	writes  []batchWrite
	want    consumed
}

// batchWrite is one put or delete of a BatchWriteItem.
type batchWrite struct {
	put, key item // one of them
	change   change
}

// parseBatch reads a batch whose table's part each reads.
func (db *DB) parseBatch(ctx context.Context, body string, writing bool, part func(*reader, *batch)) (*batch, error) {
	b, name := &batch{}, ""
	r := &reader{text: body}
	r.object(func(parameter string) {
		switch parameter {
		case "RequestItems":
			r.object(func(table string) {
				if name != "" {
					r.fail(unsupported("a batch of two tables"))
				}
				name = table
				part(r, b)
			})
		case "ReturnConsumedCapacity":
			b.want = r.consumed()
		default:
			r.fail(unsupported("the parameter " + parameter))
		}
	})
	if r.end(); r.err != nil {
		return nil, r.err
	}
	t, err := db.table(name)
	if err != nil {
		return nil, err
	}
	b.account = t.account(ctx, writing)
	return b, nil
}

// batchWriteItem writes what is not throttled of a batch in one transaction. If
// all of it is throttled, the call is refused.
func (db *DB) batchWriteItem(ctx context.Context, body string) ([]byte, error) {
	b, err := db.parseBatch(ctx, body, true, func(r *reader, b *batch) {
		r.array(func() { b.writes = append(b.writes, r.batchWrite()) })
	})
	if err != nil {
		return nil, err
	}
	if err := b.prepare(); err != nil {
		return nil, err
	}
	var through []batchWrite
	left := []byte{'['}
	for _, w := range b.writes {
		switch {
		case b.admit(w.change.key, w.change.leastUnits()):
			through = append(through, w)
		case w.put != nil:
			left = append(appendItem(append(separated(left), `{"PutRequest":{"Item":`...), w.put), "}}"...)
		default:
			left = append(appendItem(append(separated(left), `{"DeleteRequest":{"Key":`...), w.key), "}}"...)
		}
	}
	if len(through) == 0 {
		return nil, b.throttled()
	}
	err = db.update(func(tx *tx) error {
		for _, w := range through {
			done, err := tx.change(w.change, tx.before(b.table, w.change.key))
			if err != nil {
				return err
			}
			b.spend(w.change.key, done.units-w.change.leastUnits())
			b.index(done.indexed)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.answer("UnprocessedItems", []byte("{}"), append(left, ']'), len(through) < len(b.writes)), nil
}

// prepare checks the batch before any of it is written.
func (b *batch) prepare() error {
	if n := len(b.writes); n == 0 || n > maxBatchWrite {
		return constraint("requestItems", "Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]")
	}
	seen := map[itemKey]bool{}
	for i := range b.writes {
		w := &b.writes[i]
		var err error
		if w.put != nil {
			w.change, err = b.table.putting(w.put)
		} else {
			w.change, err = b.table.deleting(w.key)
		}
		switch {
		case err != nil:
			return err
		case seen[w.change.key]:
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[w.change.key] = true
	}
	return nil
}

func (r *reader) batchWrite() (w batchWrite) {
	r.object(func(kind string) {
		r.object(func(member string) {
			switch kind + "." + member {
			case "PutRequest.Item":
				w.put = r.attributes()
			case "DeleteRequest.Key":
				w.key = r.attributes()
			default:
				r.fail(unsupported(kind + "." + member))
			}
		})
	})
	if (w.put == nil) == (w.key == nil) {
		r.fail(invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"))
	}
	return w
}

// batchGetItem reads what is not throttled. What is, and what is beyond maxAnswer,
// comes back, with all that a client needs to ask for it again.
func (db *DB) batchGetItem(ctx context.Context, body string) ([]byte, error) {
	b, err := db.parseBatch(ctx, body, false, func(r *reader, b *batch) { b.request = r.request() })
	if err != nil {
		return nil, err
	}
	ids, err := b.keys()
	if err != nil {
		return nil, err
	}
	found, left := []byte{'['}, []byte(`{"Keys":[`)
	room, done := maxAnswer, 0
	for i, id := range ids {
		if room <= 0 || !b.admit(id, 0) {
			left = appendItem(separated(left), b.request.keys[i])
			continue
		}
		it, size, err := db.get(b.table, id, true)
		if err != nil {
			return nil, err
		}
		done++
		b.spend(id, readUnits(size, b.request.consistent))
		if it != nil {
			room -= size
			found = appendItem(separated(found), it)
		}
	}
	if done == 0 {
		return nil, b.throttled()
	}
	left = append(left, ']')
	if b.request.consistent {
		left = append(left, `,"ConsistentRead":true`...)
	}
	responses := addMember([]byte("{}"), b.table.TableName, append(found, ']'))
	return b.answer("UnprocessedKeys", addMember([]byte("{}"), "Responses", responses), append(left, '}'), done < len(ids)), nil
}

// keys are those to read.
func (b *batch) keys() (ids []itemKey, err error) {
	if n := len(b.request.keys); n == 0 || n > maxBatchGet {
		return nil, constraint("requestItems."+b.table.TableName+".member.keys",
			"Member must have length less than or equal to 100, Member must have length greater than or equal to 1")
	}
	seen := map[itemKey]bool{}
	for _, key := range b.request.keys {
		id, err := b.table.keyOf(key)
		if err != nil {
			return nil, err
		}
		if seen[id] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[id] = true
		ids = append(ids, id)
	}
	_, err = b.request.parse() // which knows no expression here
	return ids, err
}

// answer adds what of the batch is left undone, and what it cost.
func (b *batch) answer(member string, answer, left []byte, any bool) []byte {
	undone := []byte("{}")
	if any {
		undone = addMember(undone, b.table.TableName, left)
	}
	answer = addMember(answer, member, undone)
	if b.want.none() {
		return answer
	}
	return addMember(answer, "ConsumedCapacity", append(b.want.append([]byte{'['}, b.consumption), ']'))
}

// separated is a list to which something can be added.
func separated(list []byte) []byte {
	if list[len(list)-1] == '[' {
		return list
	}
	return append(list, ',')
}
