package dynamo

import "context"

// maxBatchWrite is how many items one BatchWriteItem can write.
const maxBatchWrite = 25

// batchWrite is one put or delete of a BatchWriteItem.
type batchWrite struct {
	put, key item // one of them
}

// batchWriteItem writes all of a batch in one transaction. DynamoDB may write
// a part and give back the rest as unprocessed; that never happens here.
func (db *DB) batchWriteItem(_ context.Context, body string) ([]byte, error) {
	names, batches, err := parseBatchWrite(body)
	if err != nil {
		return nil, err
	}
	var tables []*table
	var todo []func(*tx) error
	for i, name := range names {
		t, err := db.table(name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
		writes, err := t.prepare(batches[i])
		if err != nil {
			return nil, err
		}
		todo = append(todo, writes...)
	}
	err = db.update(tables, func(w *tx) error {
		for _, write := range todo {
			if err := write(w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []byte(`{"UnprocessedItems":{}}`), nil
}

// prepare checks one table's part of a batch before any of it is written.
func (t *table) prepare(batch []batchWrite) ([]func(*tx) error, error) {
	var todo []func(*tx) error
	seen := map[itemKey]bool{}
	for _, b := range batch {
		var key itemKey
		if b.put != nil {
			r, err := t.row(b.put, itemTooLarge)
			if err != nil {
				return nil, err
			}
			key = r.key
			todo = append(todo, func(w *tx) error { return w.put(t, r) })
		} else {
			var err error
			if key, err = t.keyOf(b.key); err != nil {
				return nil, err
			}
			todo = append(todo, func(w *tx) error { return w.delete(t, key) })
		}
		if seen[key] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[key] = true
	}
	return todo, nil
}

func parseBatchWrite(body string) (names []string, batches [][]batchWrite, err error) {
	r := &reader{text: body}
	r.object(func(name string) {
		if name != "RequestItems" {
			r.skip()
			return
		}
		r.object(func(name string) {
			var batch []batchWrite
			r.array(func() { batch = append(batch, r.batchWrite()) })
			names = append(names, tableName(name))
			batches = append(batches, batch)
		})
	})
	if r.end(); r.err != nil {
		return nil, nil, r.err
	}
	total := 0
	for _, batch := range batches {
		total += len(batch)
		if len(batch) == 0 || len(batch) > maxBatchWrite {
			names = nil
		}
	}
	switch {
	case len(names) == 0:
		return nil, nil, constraint("'{...}'", "requestItems",
			"Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]")
	case total > maxBatchWrite:
		return nil, nil, invalid("Too many items requested for the BatchWriteItem call")
	}
	return names, batches, nil
}

func (r *reader) batchWrite() batchWrite {
	var b batchWrite
	r.object(func(kind string) {
		r.object(func(member string) {
			switch kind + "." + member {
			case "PutRequest.Item":
				b.put = r.attributes()
			case "DeleteRequest.Key":
				b.key = r.attributes()
			default:
				r.skip()
			}
		})
	})
	if (b.put == nil) == (b.key == nil) {
		r.fail(invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"))
	}
	return b
}
