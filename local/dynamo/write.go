package dynamo

import (
	"context"
	"slices"
)

// change is one write of an item: a put has a row, an update has an update, a
// delete has neither.
type change struct {
	key    itemKey
	row    *row
	update *update
	given  item // the update's key
}

func (t *table) putting(it item) (change, error) {
	r, err := t.row(it)
	if err != nil {
		return change{}, err
	}
	return change{key: r.key, row: r}, nil
}

func (t *table) deleting(key item) (change, error) {
	id, err := t.keyOf(key)
	return change{key: id}, err
}

// leastUnits is what the change costs at least, as far as it is known before.
func (c change) leastUnits() float64 {
	if c.row == nil {
		return writeUnits(0, 0)
	}
	return writeUnits(0, c.row.size)
}

// before is the item that a change finds.
type before struct {
	storedItem
	table *table
}

func (w *tx) before(t *table, key itemKey) before { return before{t.stored(w.Tx, key), t} }

// item decodes it; nil if there is none.
func (b before) item() (item, error) { return b.table.decode(b.storedItem, true) }

func (db *DB) putItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parse("ConditionExpression")
	if err != nil {
		return nil, err
	}
	c, err := t.putting(q.item)
	if err != nil {
		return nil, err
	}
	if q.returns == "ALL_NEW" {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	return db.writeItem(ctx, t, q, e, c)
}

func (db *DB) updateItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parse("UpdateExpression", "ConditionExpression")
	if err != nil {
		return nil, err
	}
	c := change{update: e.update, given: q.key}
	if c.key, err = t.keyOf(q.key); err != nil {
		return nil, err
	}
	if c.update == nil {
		c.update = &update{} // makes an item of the key alone
	}
	if i := slices.IndexFunc(c.update.changes(), t.isKey); i >= 0 {
		return nil, invalidParameter("Cannot update attribute %s. This attribute is part of the key", c.update.changes()[i])
	}
	return db.writeItem(ctx, t, q, e, c)
}

// writeItem does a change if the request's condition holds.
func (db *DB) writeItem(ctx context.Context, t *table, q *request, e *expressions, c change) ([]byte, error) {
	a := t.account(ctx, true)
	if !a.admit(c.key, 0) {
		return nil, a.throttled()
	}
	var done outcome
	err := db.update(func(w *tx) error {
		b := w.before(t, c.key)
		done.units = writeUnits(b.size, 0)
		if e.condition != nil {
			old, err := b.item()
			if err != nil {
				return err
			}
			if !e.condition.test(old) {
				refusal := badRequest("ConditionalCheckFailedException", "The conditional request failed")
				if q.onFailure == "ALL_OLD" {
					refusal.old = old
				}
				return refusal
			}
		}
		var err error
		done, err = w.change(c, b)
		return err
	})
	a.spend(c.key, done.units)
	if err != nil {
		return nil, err
	}
	a.index(done.indexed)
	answer := []byte("{}")
	if q.returns == "ALL_NEW" {
		answer = addMember(answer, "Attributes", appendItem(nil, done.after.it))
	}
	return q.consumed.add(answer, a.consumption), nil
}

// outcome is what a change came to.
type outcome struct {
	after   *row // what is there now, nil for nothing
	units   float64
	indexed float64 // bytes, in the vector index
}

func (w *tx) change(c change, b before) (outcome, error) {
	t := b.table
	out := outcome{after: c.row, units: writeUnits(b.size, 0)}
	if c.update != nil {
		old, err := b.item()
		if err != nil {
			return out, err
		}
		if old == nil {
			old = c.given
		}
		changed, err := c.update.apply(old)
		if err != nil {
			return out, err
		}
		if out.after, err = t.row(changed); err != nil {
			return out, err
		}
	}
	var err error
	if out.indexed, err = t.indexBytes(b, out.after); err != nil {
		return out, err
	}
	switch {
	case out.after != nil:
		out.units = writeUnits(b.size, out.after.size)
		return out, w.put(t, out.after)
	case b.text != nil:
		return out, w.delete(t, c.key)
	}
	return out, nil
}
