package dynamo

import (
	"context"
	"errors"
	"maps"
	"strings"
)

const (
	itemTooLarge   = "Item size has exceeded the maximum allowed size"
	updateTooLarge = "Item size to update has exceeded the maximum allowed size"
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
	r, err := t.row(it, itemTooLarge)
	if err != nil {
		return change{}, err
	}
	return change{key: r.key, row: r}, nil
}

func (t *table) deleting(key item) (change, error) {
	id, err := t.keyOf(key)
	return change{key: id}, err
}

func (t *table) updating(key item, u *update) (change, error) {
	id, err := t.keyOf(key)
	if err != nil {
		return change{}, err
	}
	for _, a := range u.changes() {
		if t.isKey(string(a)) {
			return change{}, invalidParameter("Cannot update attribute %s. This attribute is part of the key", a)
		}
	}
	return change{key: id, update: u, given: key}, nil
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
	it    item
	known bool
}

// item decodes it; nil if there is none.
func (b *before) item() (item, error) {
	if b.known {
		return b.it, nil
	}
	var err error
	b.it, err = b.table.decode(b.storedItem, true)
	b.known = err == nil
	return b.it, err
}

func (db *DB) putItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parseWrite("ConditionExpression")
	if err != nil {
		return nil, err
	}
	if q.item == nil {
		return nil, constraint("null", "item", "Member must not be null")
	}
	c, err := t.putting(q.item)
	if err != nil {
		return nil, err
	}
	return db.writeItem(ctx, t, q, e, c)
}

func (db *DB) deleteItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parseWrite("ConditionExpression")
	if err != nil {
		return nil, err
	}
	c, err := t.deleting(q.key)
	if err != nil {
		return nil, err
	}
	return db.writeItem(ctx, t, q, e, c)
}

func (db *DB) updateItem(ctx context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parseWrite("UpdateExpression", "ConditionExpression")
	if err != nil {
		return nil, err
	}
	if e.update == nil {
		e.update = &update{} // makes an item of the key alone
	}
	c, err := t.updating(q.key, e.update)
	if err != nil {
		return nil, err
	}
	return db.writeItem(ctx, t, q, e, c)
}

// writeItem does a change if the request's condition holds.
func (db *DB) writeItem(ctx context.Context, t *table, q *request, e *expressions, c change) ([]byte, error) {
	a := t.account(ctx, true)
	if !a.admit(c.key, 0) {
		return nil, a.throttled()
	}
	var old item
	var done outcome
	err := db.update([]*table{t}, func(w *tx) (err error) {
		b := w.before(t, c.key)
		done.units = writeUnits(b.size, 0)
		if old, err = b.item(); err != nil {
			return err
		}
		if e.condition != nil && !e.condition.test(old) {
			return conditionFailed(q, old)
		}
		done, err = w.change(c, b)
		return err
	})
	a.spend(c.key, done.units)
	if err != nil {
		return nil, err
	}
	a.index(done.indexed)
	return q.consumed.add(q.answerWrite(e.update, old, done.after), a.consumption), nil
}

func (w *tx) before(t *table, key itemKey) *before {
	return &before{storedItem: t.stored(w.Tx, key), table: t}
}

// outcome is what a change came to.
type outcome struct {
	after   *row // what is there now, nil for nothing
	units   float64
	indexed float64 // bytes, in the vector index
}

func (w *tx) change(c change, b *before) (outcome, error) {
	t := b.table
	out := outcome{after: c.row}
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
		if out.after, err = t.row(changed, updateTooLarge); err != nil {
			return out, err
		}
	}
	var err error
	if out.indexed, err = t.indexBytes(b, out.after); err != nil {
		return out, err
	}
	out.units = writeUnits(b.size, 0)
	switch {
	case out.after != nil:
		out.units = writeUnits(b.size, out.after.size)
		return out, w.put(t, out.after)
	case b.text != nil:
		return out, w.delete(t, c.key)
	}
	return out, nil
}

// answerWrite gives what ReturnValues asks for; UPDATED_OLD and UPDATED_NEW are
// the parts that the update names.
func (q *request) answerWrite(u *update, old item, after *row) []byte {
	shown, part := old, strings.HasPrefix(q.returns, "UPDATED_")
	if strings.HasSuffix(q.returns, "_NEW") {
		shown = after.it
	}
	if q.returns == "" || q.returns == "NONE" || shown == nil || part && len(u.changes()) == 0 {
		return []byte("{}")
	}
	if part {
		shown = projection(u.changes()).apply(shown)
	}
	return answerItem("Attributes", shown, !part || len(shown) > 0)
}

// parseWrite parses the expressions of a write, and checks what it is to give
// back: only an UpdateItem can give back the new item.
func (q *request) parseWrite(parameters ...string) (*expressions, error) {
	err := errors.Join(q.consumed.check(),
		oneOf("returnValues", q.returns, "ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"),
		oneOf("returnValuesOnConditionCheckFailure", q.onFailure, "ALL_OLD", "NONE"))
	if err != nil {
		return nil, err
	}
	if parameters[0] != "UpdateExpression" && q.returns != "" && q.returns != "NONE" && q.returns != "ALL_OLD" {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	return q.parse(parameters)
}

func conditionFailed(q *request, old item) *apiError {
	e := badRequest("ConditionalCheckFailedException", "The conditional request failed")
	if q.onFailure == "ALL_OLD" {
		e.old = maps.Clone(old)
	}
	return e
}
