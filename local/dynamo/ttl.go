package dynamo

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// timeToLive is a table's TimeToLiveSpecification.
type timeToLive struct {
	AttributeName string
	Enabled       bool
}

// sweepEvery is how often writes also delete expired items.
const sweepEvery = time.Minute

// maxExpired is the age past expiry at which DynamoDB leaves an item alone,
// taking its time for a mistake.
const maxExpired = 5 * 365 * 24 * time.Hour

// expiry is when an item expires, in Unix seconds: its time-to-live attribute
// if that is a number.
func (t *table) expiry(it item) sql.NullInt64 {
	v, ok := it[t.TimeToLive.AttributeName]
	if !t.TimeToLive.Enabled || !ok || v.kind != kindN {
		return sql.NullInt64{}
	}
	whole, _, _ := strings.Cut(v.text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	return sql.NullInt64{Int64: seconds, Valid: err == nil}
}

// sweep deletes the items that have expired, unless it did so within the last
// minute. Their table must be in db.tables.
func (db *DB) sweep(w *tx, now time.Time) error {
	if now.Sub(db.swept) < sweepEvery {
		return nil
	}
	expired, err := w.expired(now)
	if err != nil {
		return err
	}
	db.mu.RLock()
	byID := map[int64]*table{}
	for _, t := range db.tables {
		byID[t.id] = t
	}
	db.mu.RUnlock()
	for _, e := range expired {
		if err := w.delete(byID[e.table], e.key); err != nil {
			return err
		}
	}
	w.committed = append(w.committed, func() { db.swept = now })
	return nil
}

type expiredItem struct {
	table int64
	key   itemKey
}

func (w *tx) expired(now time.Time) ([]expiredItem, error) {
	rows, err := w.Query("SELECT table_id, pk, sk FROM items WHERE expires BETWEEN ? AND ?",
		now.Add(-maxExpired).Unix(), now.Unix())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []expiredItem
	for rows.Next() {
		var e expiredItem
		var pk, sk []byte
		if err := rows.Scan(&e.table, &pk, &sk); err != nil {
			return nil, err
		}
		e.key = itemKey{string(pk), string(sk)}
		out = append(out, e)
	}
	return out, rows.Err()
}

func (db *DB) updateTimeToLive(_ context.Context, body string) ([]byte, error) {
	var q struct {
		TableName               string
		TimeToLiveSpecification *timeToLive
	}
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	t, err := db.describedTable(tableName(q.TableName))
	if err != nil {
		return nil, err
	}
	spec := q.TimeToLiveSpecification
	if spec == nil || spec.AttributeName == "" {
		return nil, constraint("null", "timeToLiveSpecification.attributeName", "Member must not be null")
	}
	now := t.TimeToLive
	switch {
	case spec.Enabled && now.Enabled && now.AttributeName == spec.AttributeName:
		return nil, invalid("TimeToLive is already enabled")
	case spec.Enabled && now.Enabled:
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", now.AttributeName)
	case !spec.Enabled && !now.Enabled:
		return nil, invalid("TimeToLive is already disabled")
	}
	changed := *t
	changed.TimeToLive = *spec
	if !spec.Enabled {
		changed.TimeToLive = timeToLive{}
	}
	err = db.update([]*table{t}, func(w *tx) error {
		if err := w.saveDefinition(&changed); err != nil {
			return err
		}
		w.committed = append(w.committed, func() { db.setTable(t.TableName, &changed) })
		return w.resetExpiry(&changed)
	})
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"TimeToLiveSpecification": spec})
}

// resetExpiry works out anew when each of a table's items expires.
func (w *tx) resetExpiry(t *table) error {
	if _, err := w.Exec("UPDATE items SET expires = NULL WHERE table_id = ?", t.id); err != nil || !t.TimeToLive.Enabled {
		return err
	}
	rows, err := w.Query("SELECT rowid, item FROM items WHERE table_id = ?", t.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	expires := map[int64]int64{}
	for rows.Next() {
		var id int64
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		it, err := t.decodeItem(text, nil)
		if err != nil {
			return err
		}
		if e := t.expiry(it); e.Valid {
			expires[id] = e.Int64
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for id, at := range expires {
		if _, err := w.Exec("UPDATE items SET expires = ? WHERE rowid = ?", at, id); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) describeTimeToLive(_ context.Context, body string) ([]byte, error) {
	var q struct{ TableName string }
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	t, err := db.describedTable(tableName(q.TableName))
	if err != nil {
		return nil, err
	}
	description := map[string]string{"TimeToLiveStatus": "DISABLED"}
	if t.TimeToLive.Enabled {
		description = map[string]string{"TimeToLiveStatus": "ENABLED", "AttributeName": t.TimeToLive.AttributeName}
	}
	return encode(map[string]any{"TimeToLiveDescription": description})
}

// saveDefinition stores t's definition anew.
func (w *tx) saveDefinition(t *table) error {
	text, err := json.Marshal(&t.definition)
	if err != nil {
		return err
	}
	_, err = w.Exec("UPDATE tables SET definition = ? WHERE id = ?", string(text), t.id)
	return err
}
