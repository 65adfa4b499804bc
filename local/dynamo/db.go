// Package dynamo is a DynamoDB-compatible HTTP endpoint for a developer's
// machine: tables, items, queries and vector search, kept in SQLite.
//
// It speaks the JSON protocol of DynamoDB's 2012-08-10 API, so that the AWS
// SDKs work against it unchanged, and answers with DynamoDB's own errors. It
// does CreateTable (with vector indexes), DescribeTable, ListTables,
// DeleteTable, UpdateTimeToLive, DescribeTimeToLive, GetItem, PutItem,
// UpdateItem, DeleteItem, BatchGetItem, BatchWriteItem, Query and
// SearchVectors; everything else is an UnknownOperationException. Signatures
// are not checked, and consumed capacity is not reported.
//
// It differs from DynamoDB where a single machine can do better: every read is
// consistent, a batch is written whole or not at all, tables are active at
// once, and a vector index shows a write as soon as that is acknowledged. An
// expired item stays visible until it is deleted, as in DynamoDB; that happens
// when the database is opened, and with a write at most once a minute.
package dynamo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// DB is an open database and its HTTP endpoint. It is safe for concurrent use.
type DB struct {
	write, read *sql.DB // the same for a database in memory
	lock        *sql.DB // holds the folder; nil for a database in memory
	one         map[bool]*sql.Stmt

	writing sync.Mutex // held by the one write that is going on
	swept   time.Time  // when expired items were last deleted; guarded by writing

	mu     sync.RWMutex
	tables map[string]*table // written only while writing is held too
}

// table is a table's definition with what follows from it. It never changes:
// a new time to live makes a new table, which shares the indexes.
type table struct {
	definition
	id               int64
	vectorAttributes []vectorAttribute
	indexes          []*vectorIndex // as VectorIndexes
}

func newTable(id int64, d definition) *table {
	t := &table{definition: d, id: id}
	for i := range t.VectorIndexes {
		v := &t.VectorIndexes[i]
		t.indexes = append(t.indexes, newVectorIndex(v))
		if !t.isVector(v.VectorAttribute.AttributeName) {
			t.vectorAttributes = append(t.vectorAttributes, vectorAttribute{v.VectorAttribute.AttributeName, v.Dimensions, v.IndexName})
		}
	}
	return t
}

func (t *table) isVector(name string) bool {
	for _, a := range t.vectorAttributes {
		if a.name == name {
			return true
		}
	}
	return false
}

// Open opens the database in the folder dir, which it makes if need be, and
// reads its vector indexes into memory. With dir "" the database is in memory
// and gone after Close. One process at a time can have a folder open; the
// others are to use it over HTTP.
//
// An acknowledged write survives the end of the process, however that ends.
// It may not survive a loss of power within the last seconds: SQLite writes
// ahead without waiting for the disk.
func Open(dir string) (*DB, error) {
	db := &DB{tables: map[string]*table{}}
	err := db.open(dir)
	if err == nil {
		err = db.load()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open DynamoDB data in %q: %w", dir, err), db.Close())
	}
	return db, nil
}

// load reads the tables and fills their vector indexes.
func (db *DB) load() error {
	rows, err := db.write.Query("SELECT id, definition FROM tables")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var text []byte
		var d definition
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		if err := json.Unmarshal(text, &d); err != nil {
			return fmt.Errorf("definition of table %d: %w", id, err)
		}
		db.tables[d.TableName] = newTable(id, d)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if err := db.update(nil, func(*tx) error { return nil }); err != nil { // deletes what expired
		return err
	}
	for _, t := range db.tables {
		if err := db.loadIndexes(t); err != nil {
			return fmt.Errorf("vector indexes of table %s: %w", t.TableName, err)
		}
	}
	return nil
}

func (db *DB) loadIndexes(t *table) error {
	if len(t.indexes) == 0 {
		return nil
	}
	rows, err := db.write.Query("SELECT pk, sk, item, vectors FROM items WHERE table_id = ? AND vectors IS NOT NULL", t.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var pk, sk, packed sql.RawBytes
		var text string
		if err := rows.Scan(&pk, &sk, &text, &packed); err != nil {
			return err
		}
		it, err := t.decodeItem(text, nil)
		if err != nil {
			return err
		}
		vectors, _ := t.unpackVectors(packed)
		key := itemKey{string(pk), string(sk)}
		for i, e := range t.entriesOf(it, vectors) {
			t.indexes[i].put(key, e)
		}
	}
	return rows.Err()
}

// Close ends the use of the database. Requests must have ended before.
func (db *DB) Close() error {
	var errs []error
	for _, s := range db.one {
		errs = append(errs, s.Close())
	}
	if db.read != db.write {
		errs = append(errs, closePool(db.read))
	}
	return errors.Join(append(errs, closePool(db.write), closePool(db.lock))...)
}

func closePool(d *sql.DB) error {
	if d == nil {
		return nil
	}
	return d.Close()
}

// table finds a table for an operation on items.
func (db *DB) table(name string) (*table, error) {
	if err := checkTableName(name); err != nil {
		return nil, err
	}
	db.mu.RLock()
	defer db.mu.RUnlock()
	if t := db.tables[name]; t != nil {
		return t, nil
	}
	return nil, badRequest("ResourceNotFoundException", "Requested resource not found")
}

// setTable puts t in the place of the table name; nil takes it away.
func (db *DB) setTable(name string, t *table) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if t == nil {
		delete(db.tables, name)
	} else {
		db.tables[name] = t
	}
}

// get reads one item, nil if there is none; with its vectors only if asked.
func (db *DB) get(ctx context.Context, t *table, key itemKey, vectors bool) (item, error) {
	it, _, err := t.scanItem(db.one[vectors].QueryRowContext(ctx, t.id, []byte(key.hash), []byte(key.sort)))
	return it, err
}
