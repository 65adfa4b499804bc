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
// on, see Limits. An expired item stays visible until it is deleted, as in
// DynamoDB; that happens when the database is opened, and with a write at most
// once a minute.
package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

// DB is an open database and its HTTP endpoint. It is safe for concurrent use.
type DB struct {
	file      *bolt.DB
	temporary bool
	writes    chan *write
	stopped   chan struct{} // closed when the last write is committed

	swept time.Time // when expired items were last deleted; only writes see it

	mu     sync.RWMutex
	tables map[string]*table // changed only by writes
}

// table is a table's definition with what follows from it. It never changes:
// a new time to live makes a new table, which shares the index.
type table struct {
	definition
	id    uint64
	index *vectorIndex // nil without one

	expires map[itemKey]int64 // Unix seconds; only writes see it
}

func newTable(id uint64, d definition) *table {
	t := &table{definition: d, id: id, expires: map[itemKey]int64{}}
	if len(d.VectorIndexes) > 0 {
		t.index = newVectorIndex(&t.VectorIndexes[0])
	}
	return t
}

// remember keeps in memory what is known of the item that is now at key: its
// entry of the vector index, the zero entry for none, and when it expires, 0
// for never.
func (t *table) remember(key itemKey, e entry, expires int64) {
	if t.index != nil {
		t.index.put(key, e)
	}
	if expires == 0 {
		delete(t.expires, key)
	} else {
		t.expires[key.clone()] = expires
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
	db := &DB{temporary: dir == "", tables: map[string]*table{}, writes: make(chan *write), stopped: make(chan struct{})}
	var err error
	if db.file, err = openFile(dir); err != nil {
		return nil, fmt.Errorf("open DynamoDB data in %q: %w", dir, err)
	}
	if err := db.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open DynamoDB data in %q: %w", dir, err), db.file.Close())
	}
	go db.commitWrites()
	return db, nil
}

// load makes the buckets of a new file, or reads the tables, and of their items
// what is kept in memory.
func (db *DB) load() error {
	err := db.file.Update(func(in *bolt.Tx) error {
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
			t := newTable(d.ID, d)
			db.tables[d.TableName] = t
			return t.load(in)
		})
	})
	if err != nil {
		return err
	}
	return db.transaction(func(*tx) error { return nil }) // deletes what expired
}

// load reads what is kept in memory of the table's items.
func (t *table) load(in *bolt.Tx) error {
	return t.items(in).ForEach(func(key, b []byte) error {
		s := decodeStored(b)
		it, err := t.decode(s, false)
		if err != nil {
			return err
		}
		vector := s.floats()
		if list, ok := it[t.vectorName()]; ok {
			vector, _ = floats(list.list)
		}
		t.remember(parseKey(key), t.entryOf(it, vector), t.expiry(it))
		return nil
	})
}

// Close ends the use of the database. Requests must have ended before.
func (db *DB) Close() error {
	close(db.writes)
	<-db.stopped
	path := db.file.Path()
	err := db.file.Close()
	if db.temporary {
		os.Remove(path) // on Linux it is gone already
	}
	return err
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

// get reads one item, nil if there is none, and its size; with its vector only
// if asked.
func (db *DB) get(t *table, key itemKey, vector bool) (it item, size int, err error) {
	err = db.file.View(func(in *bolt.Tx) error {
		s := t.stored(in, key)
		size = s.size
		it, err = t.decode(s, vector)
		return err
	})
	return it, size, err
}
