package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

// decode reads the parameters of an operation on tables.
func decode(body string, q any) error {
	err := json.Unmarshal([]byte(body), q)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return malformed("%s in %s is not a %s", wrong.Value, wrong.Field, wrong.Type)
	}
	if err != nil {
		return malformed("the request is not JSON: %v", err)
	}
	return nil
}

func encode(answer any) ([]byte, error) { return json.Marshal(answer) }

func (db *DB) createTable(_ context.Context, body string) ([]byte, error) {
	var d definition
	if err := decode(body, &d); err != nil {
		return nil, err
	}
	d.ID, d.TimeToLive = 0, timeToLive{} // no parameters of CreateTable
	if err := d.check(); err != nil {
		return nil, err
	}
	d.Created = float64(time.Now().UnixMilli()) / 1000
	var t *table
	err := db.update(nil, func(w *tx) error {
		if _, err := db.table(d.TableName); err == nil {
			return badRequest("ResourceInUseException", "Table already exists: %s", d.TableName)
		}
		var err error
		if d.ID, err = w.Bucket(tablesBucket).NextSequence(); err != nil {
			return err
		}
		t = newTable(d.ID, d)
		w.committed = append(w.committed, func() { db.setTable(d.TableName, t) })
		if err := w.saveDefinition(t); err != nil {
			return err
		}
		_, err = w.Bucket(itemsBucket).CreateBucket(t.bucketName())
		return err
	})
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"TableDescription": t.describe("ACTIVE", 0, 0)})
}

// describedTable finds a table for an operation on tables, whose error names it.
func (db *DB) describedTable(name string) (*table, error) {
	t, err := db.table(name)
	if e, ok := errors.AsType[*apiError](err); ok && e.kind == "ResourceNotFoundException" {
		return nil, badRequest(e.kind, "Requested resource not found: Table: %s not found", name)
	}
	return t, err
}

func (db *DB) describeTable(_ context.Context, body string) ([]byte, error) {
	var q struct{ TableName string }
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	t, err := db.describedTable(tableName(q.TableName))
	if err != nil {
		return nil, err
	}
	var count, size int64
	err = db.file.View(func(in *bolt.Tx) error {
		items := t.items(in)
		if items == nil {
			return nil // deleted meanwhile
		}
		return items.ForEach(func(_, b []byte) error {
			count++
			size += int64(decodeStored(b).size)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"Table": t.describe("ACTIVE", count, size)})
}

func (db *DB) deleteTable(_ context.Context, body string) ([]byte, error) {
	var q struct{ TableName string }
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	name := tableName(q.TableName)
	t, err := db.describedTable(name)
	if err != nil {
		return nil, err
	}
	err = db.update([]*table{t}, func(w *tx) error {
		w.committed = append(w.committed, func() { db.setTable(name, nil) })
		w.written = true
		if err := w.Bucket(itemsBucket).DeleteBucket(t.bucketName()); err != nil {
			return err
		}
		return w.Bucket(tablesBucket).Delete([]byte(name))
	})
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"TableDescription": t.describe("DELETING", 0, 0)})
}

// listTables gives all names at once.
func (db *DB) listTables(context.Context, string) ([]byte, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	names := slices.Sorted(maps.Keys(db.tables))
	return encode(map[string]any{"TableNames": append([]string{}, names...)})
}

// tableARN begins the ARNs of all tables: they are nowhere but here.
const tableARN = "arn:aws:dynamodb:local:000000000000:table/"

// describe is the table's TableDescription.
func (t *table) describe(status string, count, size int64) map[string]any {
	d := map[string]any{
		"TableName":             t.TableName,
		"TableArn":              tableARN + t.TableName,
		"TableId":               strconv.FormatUint(t.id, 10),
		"TableStatus":           status,
		"CreationDateTime":      t.Created,
		"KeySchema":             t.KeySchema,
		"AttributeDefinitions":  t.AttributeDefinitions,
		"BillingModeSummary":    map[string]string{"BillingMode": t.BillingMode},
		"ProvisionedThroughput": map[string]int{"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}, // as of every table on demand
		"ItemCount":             count,
		"TableSizeBytes":        size,
	}
	if x := t.index; x != nil {
		items, bytes := x.count()
		d["VectorIndexes"] = []any{struct {
			vectorDefinition
			IndexArn, IndexStatus     string
			Backfilling               bool
			ItemCount, IndexSizeBytes int
		}{*x.vectorDefinition, tableARN + t.TableName + "/index/" + x.IndexName, status, false, items, bytes}}
	}
	return d
}
