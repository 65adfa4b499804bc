package dynamo

import (
	"context"
	"maps"
	"strings"
)

const (
	itemTooLarge   = "Item size has exceeded the maximum allowed size"
	updateTooLarge = "Item size to update has exceeded the maximum allowed size"
)

func (db *DB) putItem(_ context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parseWrite("ConditionExpression")
	if err != nil {
		return nil, err
	}
	if q.item == nil {
		return nil, constraint("null", "item", "Member must not be null")
	}
	r, err := t.row(q.item, itemTooLarge)
	if err != nil {
		return nil, err
	}
	var old item
	err = db.update([]*table{t}, func(w *tx) (err error) {
		if e.condition != nil || q.returns == "ALL_OLD" {
			if old, err = w.check(t, r.key, e, q); err != nil {
				return err
			}
		}
		return w.put(t, r)
	})
	if err != nil {
		return nil, err
	}
	return answerItem("Attributes", old, old != nil && q.returns == "ALL_OLD"), nil
}

func (db *DB) deleteItem(_ context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parseWrite("ConditionExpression")
	if err != nil {
		return nil, err
	}
	key, err := t.keyOf(q.key)
	if err != nil {
		return nil, err
	}
	var old item
	err = db.update([]*table{t}, func(w *tx) (err error) {
		if e.condition != nil || q.returns == "ALL_OLD" {
			if old, err = w.check(t, key, e, q); err != nil {
				return err
			}
		}
		return w.delete(t, key)
	})
	if err != nil {
		return nil, err
	}
	return answerItem("Attributes", old, old != nil && q.returns == "ALL_OLD"), nil
}

func (db *DB) updateItem(_ context.Context, t *table, q *request) ([]byte, error) {
	e, err := q.parseWrite("UpdateExpression", "ConditionExpression")
	if err != nil {
		return nil, err
	}
	key, err := t.keyOf(q.key)
	if err != nil {
		return nil, err
	}
	if e.update == nil {
		e.update = &update{} // makes an item of the key alone
	}
	for _, p := range e.update.paths() {
		if t.isKey(p[0].name) {
			return nil, invalidParameter("Cannot update attribute %s. This attribute is part of the key", p[0].name)
		}
	}
	var old, changed item
	err = db.update([]*table{t}, func(w *tx) (err error) {
		if old, err = w.check(t, key, e, q); err != nil {
			return err
		}
		before := old
		if before == nil {
			before = q.key
		}
		if changed, err = e.update.apply(before); err != nil {
			return err
		}
		r, err := t.row(changed, updateTooLarge)
		if err != nil {
			return err
		}
		return w.put(t, r)
	})
	if err != nil {
		return nil, err
	}
	return answerUpdate(q.returns, e.update, old, changed), nil
}

// answerUpdate gives what ReturnValues asks for; UPDATED_OLD and UPDATED_NEW
// are the parts that the expression names.
func answerUpdate(returns string, u *update, old, changed item) []byte {
	shown, part := old, strings.HasPrefix(returns, "UPDATED_")
	if strings.HasSuffix(returns, "_NEW") {
		shown = changed
	}
	if returns == "" || returns == "NONE" || shown == nil {
		return []byte("{}")
	}
	if part {
		shown = newProjection(u.paths()).apply(shown)
	}
	return answerItem("Attributes", shown, !part || len(shown) > 0)
}

// parseWrite parses the expressions of a write, and checks what it is to give
// back: only an UpdateItem can give back the new item.
func (q *request) parseWrite(parameters ...string) (*expressions, error) {
	err := oneOf("returnValues", q.returns, "ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")
	if err == nil {
		err = oneOf("returnValuesOnConditionCheckFailure", q.onFailure, "ALL_OLD", "NONE")
	}
	if err != nil {
		return nil, err
	}
	if parameters[0] != "UpdateExpression" && q.returns != "" && q.returns != "NONE" && q.returns != "ALL_OLD" {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	return q.parse(parameters)
}

// check reads the item that is to be written, nil if there is none, and tests
// the write's condition on it.
func (w *tx) check(t *table, key itemKey, e *expressions, q *request) (item, error) {
	old, err := w.get(t, key)
	if err != nil {
		return nil, err
	}
	if e.condition == nil || e.condition.test(old) {
		return old, nil
	}
	if q.onFailure != "ALL_OLD" {
		return nil, conditionFailed(nil)
	}
	return nil, conditionFailed(maps.Clone(old))
}
