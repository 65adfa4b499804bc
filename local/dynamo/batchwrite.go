package dynamo

import "context"

// maxBatchWrite is how many items one BatchWriteItem can write.
const maxBatchWrite = 25

// batchWrite is one put or delete of a BatchWriteItem.
type batchWrite struct {
	put, key item // one of them
	change   change
}

// tableWrites is one table's part of a BatchWriteItem.
type tableWrites struct {
	*account
	name   string
	writes []batchWrite
	left   []batchWrite // what is throttled
}

// batchWriteItem writes what is not throttled of a batch in one transaction. If
// all of it is throttled, the call is refused.
func (db *DB) batchWriteItem(ctx context.Context, body string) ([]byte, error) {
	parts, want, err := parseBatchWrite(body)
	if err != nil {
		return nil, err
	}
	var tables []*table
	for _, part := range parts {
		t, err := db.table(part.name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
		part.account = t.account(ctx, true)
		if err := part.prepare(); err != nil {
			return nil, err
		}
	}
	done, left := 0, 0
	for _, part := range parts {
		part.throttle()
		done += len(part.writes)
		left += len(part.left)
	}
	if done == 0 && left > 0 {
		return nil, parts[0].throttled()
	}
	err = db.update(tables, func(w *tx) error {
		for _, part := range parts {
			if err := part.write(w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer := []byte(`{"UnprocessedItems":{`)
	var all []consumption
	for _, part := range parts {
		answer = part.appendLeft(answer)
		all = append(all, part.consumption)
	}
	return want.addAll(append(answer, "}}"...), all), nil
}

// prepare checks the part before any of it is written.
func (p *tableWrites) prepare() error {
	seen := map[itemKey]bool{}
	for i := range p.writes {
		b := &p.writes[i]
		var err error
		if b.put != nil {
			b.change, err = p.table.putting(b.put)
		} else {
			b.change, err = p.table.deleting(b.key)
		}
		switch {
		case err != nil:
			return err
		case seen[b.change.key]:
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[b.change.key] = true
	}
	return nil
}

// throttle keeps those that are let through.
func (p *tableWrites) throttle() {
	var through []batchWrite
	for _, b := range p.writes {
		if p.admit(b.change.key, b.change.leastUnits()) {
			through = append(through, b)
		} else {
			p.left = append(p.left, b)
		}
	}
	p.writes = through
}

func (p *tableWrites) write(w *tx) error {
	for _, b := range p.writes {
		done, err := w.change(b.change, w.before(p.table, b.change.key))
		if err != nil {
			return err
		}
		p.spend(b.change.key, done.units-b.change.leastUnits())
		p.index(done.indexed)
	}
	return nil
}

// appendLeft writes what is throttled as the request had it.
func (p *tableWrites) appendLeft(b []byte) []byte {
	if len(p.left) == 0 {
		return b
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(appendString(b, p.name), `:[`...)
	for i, w := range p.left {
		if i > 0 {
			b = append(b, ',')
		}
		if w.put != nil {
			b = append(appendItem(append(b, `{"PutRequest":{"Item":`...), w.put), "}}"...)
		} else {
			b = append(appendItem(append(b, `{"DeleteRequest":{"Key":`...), w.key), "}}"...)
		}
	}
	return append(b, ']')
}

func parseBatchWrite(body string) (parts []*tableWrites, want consumed, err error) {
	r := &reader{text: body}
	r.object(func(name string) {
		switch name {
		case "RequestItems":
			r.object(func(name string) {
				part := &tableWrites{name: tableName(name)}
				r.array(func() { part.writes = append(part.writes, r.batchWrite()) })
				parts = append(parts, part)
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
	total, wrong := 0, len(parts) == 0
	for _, part := range parts {
		n := len(part.writes)
		total += n
		wrong = wrong || n == 0 || n > maxBatchWrite
	}
	switch {
	case wrong:
		return nil, "", constraint("'{...}'", "requestItems",
			"Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]")
	case total > maxBatchWrite:
		return nil, "", invalid("Too many items requested for the BatchWriteItem call")
	}
	return parts, want, nil
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
