// Package dynamo is a DynamoDB-compatible HTTP endpoint for a developer's
// machine: tables, items, queries and vector search, kept in one file.
//
// It speaks the JSON protocol of DynamoDB's 2012-08-10 API, so that the AWS
// SDKs work against it unchanged, and answers with DynamoDB's own errors. It
// does what Ragtime's adapter asks of DynamoDB, and what a developer needs to
// look into the table; everything else is refused. Signatures are not checked.
//
// It differs from DynamoDB where a single machine can do better: every read is
// consistent, tables are active at once, and a vector index shows a write as
// soon as that is acknowledged. Nothing is throttled unless a limit is switched
// on, see Limits. Nothing expires, and no table is deleted.
package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// DB is an open database and its HTTP endpoint. It is safe for concurrent use.
type DB struct {
	file      *bolt.DB
	temporary bool
	writing   sync.Mutex // one at a time, until what is in memory is changed too

	mu     sync.RWMutex
	tables map[string]*table // changed only by writes
}

// table is a table's definition, which never changes, and its index.
type table struct {
	definition
	index *vectorIndex // nil without one
}

func newTable(d definition) *table {
	t := &table{definition: d}
	if len(d.VectorIndexes) > 0 {
		t.index = newVectorIndex(&t.VectorIndexes[0])
	}
	return t
}

// remember keeps in memory what the vector index has of the item that is now at key:
// the zero entry for nothing.
func (t *table) remember(key itemKey, e entry) {
	if t.index != nil {
		t.index.put(key, e)
	}
}

// Open opens the database in the folder dir, which it makes if need be, and
// reads its vector indexes into memory. With dir "" the database is gone after
// Close. One process at a time can have a folder open; the others are to use
// it over HTTP.
//
// An acknowledged write is on the disk: it survives the end of the process,
// however that ends, and a loss of power.
func Open(dir string) (*DB, error) {
	db := &DB{temporary: dir == "", tables: map[string]*table{}}
	var err error
	if db.file, err = openFile(dir); err != nil {
		return nil, fmt.Errorf("open DynamoDB data in %q: %w", dir, err)
	}
	if err := db.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open DynamoDB data in %q: %w", dir, err), db.file.Close())
	}
	return db, nil
}

// load makes the buckets of a new file, or reads the tables, and of their items
// what is kept in memory.
func (db *DB) load() error {
	return db.file.Update(func(in *bolt.Tx) error {
		definitions, err := in.CreateBucketIfNotExists(tablesBucket)
		if err != nil {
			return err
		}
		if _, err := in.CreateBucketIfNotExists(itemsBucket); err != nil {
			return err
		}
		return definitions.ForEach(func(name, text []byte) error {
			var d definition
			if err := json.Unmarshal(text, &d); err != nil {
				return fmt.Errorf("definition of table %s: %w", name, err)
			}
			t := newTable(d)
			db.tables[d.TableName] = t
			return t.load(in)
		})
	})
}

// load reads what is kept in memory of the table's items.
func (t *table) load(in *bolt.Tx) error {
	return t.items(in).ForEach(func(key, b []byte) error {
		s := decodeStored(b)
		it, err := t.decode(s, false)
		if err != nil {
			return err
		}
		t.remember(parseKey(key), t.entryOf(it, s.floats()))
		return nil
	})
}

// Close ends the use of the database. Requests must have ended before.
func (db *DB) Close() error {
	path := db.file.Path()
	err := db.file.Close()
	if db.temporary {
		os.Remove(path) // on Linux it is gone already
	}
	return err
}

// table finds a table for an operation on items.
func (db *DB) table(name string) (*table, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if t := db.tables[name]; t != nil {
		return t, nil
	}
	return nil, badRequest("ResourceNotFoundException", "Requested resource not found: Table: %s not found", name)
}
