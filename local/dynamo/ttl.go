package dynamo

import (
	"context"
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
// if that is a number, else 0 for never.
func (t *table) expiry(it item) int64 {
	v, ok := it[t.TimeToLive.AttributeName]
	if !t.TimeToLive.Enabled || !ok || v.kind != kindN {
		return 0
	}
	whole, _, _ := strings.Cut(v.text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0
	}
	return seconds
}

// sweep deletes the items that have expired, unless it did so within the last
// minute.
func (db *DB) sweep(w *tx, now time.Time) error {
	if now.Sub(db.swept) < sweepEvery {
		return nil
	}
	db.swept = now
	for _, t := range db.tables {
		for key, at := range t.expires {
			if at > now.Unix() || at < now.Add(-maxExpired).Unix() {
				continue
			}
			if err := w.delete(t, key); err != nil {
				return err
			}
		}
	}
	return nil
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
		w.committed = append(w.committed, func() { db.setTable(t.TableName, &changed) })
		if err := w.saveDefinition(&changed); err != nil {
			return err
		}
		changed.expires = map[itemKey]int64{}
		return changed.load(w.Tx)
	})
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"TimeToLiveSpecification": spec})
}
