package dynamo

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// decode reads the parameters of an operation on tables, of which none may be unknown here.
func decode(body string, q any) error {
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return malformed("this endpoint cannot read the request: %v", err)
	}
	return nil
}

func encode(answer any) ([]byte, error) { return json.Marshal(answer) }

func (db *DB) createTable(_ context.Context, body string) ([]byte, error) {
	var d definition
	if err := decode(body, &d); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	d.Created = float64(time.Now().UnixMilli()) / 1000
	var t *table
	err := db.update(func(w *tx) error {
		if _, err := db.table(d.TableName); err == nil {
			return badRequest("ResourceInUseException", "Table already exists: %s", d.TableName)
		}
		definitions := w.Bucket(tablesBucket)
		var err error
		if d.ID, err = definitions.NextSequence(); err != nil {
			return err
		}
		t = newTable(d)
		text, err := encode(&d)
		if err != nil {
			return err
		}
		if err := definitions.Put([]byte(d.TableName), text); err != nil {
			return err
		}
		w.committed = append(w.committed, func() {
			db.mu.Lock()
			defer db.mu.Unlock()
			db.tables[d.TableName] = t
		})
		_, err = w.Bucket(itemsBucket).CreateBucket(t.bucketName())
		return err
	})
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"TableDescription": t.describe(0, 0)})
}

func (db *DB) describeTable(_ context.Context, body string) ([]byte, error) {
	var q struct{ TableName string }
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	t, err := db.table(q.TableName)
	if err != nil {
		return nil, err
	}
	var count, size int64
	err = db.file.View(func(in *bolt.Tx) error {
		return t.items(in).ForEach(func(_, b []byte) error {
			count++
			size += int64(decodeStored(b).size)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return encode(map[string]any{"Table": t.describe(count, size)})
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
func (t *table) describe(count, size int64) map[string]any {
	d := map[string]any{
		"TableName":             t.TableName,
		"TableArn":              tableARN + t.TableName,
		"TableId":               strconv.FormatUint(t.ID, 10),
		"TableStatus":           "ACTIVE",
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
			ItemCount, IndexSizeBytes int
		}{*x.vectorDefinition, tableARN + t.TableName + "/index/" + x.IndexName, "ACTIVE", items, bytes}}
	}
	return d
}
