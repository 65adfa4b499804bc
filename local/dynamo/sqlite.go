package dynamo

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// schemaVersion is kept in the file, so that a later program can tell.
const schemaVersion = 1

const schema = `
CREATE TABLE tables (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL) STRICT;
CREATE TABLE items (
	table_id INTEGER NOT NULL,
	pk       BLOB NOT NULL, -- sorted as the key is, see itemKey
	sk       BLOB NOT NULL,
	size     INTEGER NOT NULL, -- bytes, as DynamoDB counts
	expires  INTEGER,          -- Unix seconds
	item     TEXT NOT NULL,    -- DynamoDB JSON, less the packed vectors
	vectors  BLOB              -- see packVectors
) STRICT;
CREATE UNIQUE INDEX items_by_key ON items (table_id, pk, sk);
CREATE INDEX items_by_expiry ON items (expires) WHERE expires IS NOT NULL;
PRAGMA user_version = 1;
`

// connection is the data source name of a file, or of a database in memory.
// A write-ahead log lets reads go on beside the write; synchronous NORMAL
// leaves it to the system when the log reaches the disk.
func connection(path string, readOnly bool) (string, error) {
	pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)",
	}}
	if readOnly {
		pragmas["_pragma"] = []string{"busy_timeout(10000)", "query_only(true)"}
	}
	if path == "" {
		return ":memory:", nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") { // C:/...
		slashed = "/" + slashed
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: pragmas.Encode()}).String(), nil
}

// connect opens a pool of up to n connections, which stay open.
func connect(path string, readOnly bool, n int) (*sql.DB, error) {
	name, err := connection(path, readOnly)
	if err != nil {
		return nil, err
	}
	d, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	d.SetMaxOpenConns(n)
	d.SetMaxIdleConns(n)
	return d, nil
}

// readers is how many reads can go on at once.
const readers = 4

func (db *DB) open(dir string) (err error) {
	path := ""
	if dir != "" {
		path = filepath.Join(dir, "dynamo.sqlite")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := db.own(filepath.Join(dir, "dynamo.lock")); err != nil {
			return err
		}
	}
	if db.write, err = connect(path, false, 1); err != nil {
		return err
	}
	if err := db.prepareSchema(); err != nil {
		return err
	}
	db.read = db.write
	if dir != "" {
		if db.read, err = connect(path, true, readers); err != nil {
			return err
		}
	}
	db.one = map[bool]*sql.Stmt{}
	for _, vectors := range []bool{false, true} {
		if db.one[vectors], err = db.read.Prepare(selectItems(vectors) + " AND sk = ?"); err != nil {
			return err
		}
	}
	return nil
}

const sqliteBusy = 5 // SQLITE_BUSY

// own takes the folder for this process. The vector indexes are in memory, so
// a second process would not see what the first one writes. SQLite's lock goes
// with the process, however that ends, on every system.
func (db *DB) own(path string) (err error) {
	if db.lock, err = sql.Open("sqlite", path); err != nil {
		return err
	}
	db.lock.SetMaxOpenConns(1)
	_, err = db.lock.Exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == sqliteBusy {
		return fmt.Errorf("another process has this folder open; use its endpoint, or stop it first: %w", err)
	}
	return err
}

func (db *DB) prepareSchema() error {
	var version int
	if err := db.write.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		_, err := db.write.Exec(schema)
		return err
	}
	return fmt.Errorf("the data is of version %d, this program reads version %d", version, schemaVersion)
}

// selectItems begins a query for a partition's items; the vectors column is
// NULL unless they are asked for.
func selectItems(vectors bool) string {
	column := "NULL"
	if vectors {
		column = "vectors"
	}
	return "SELECT size, item, " + column + " FROM items WHERE table_id = ? AND pk = ?"
}

// scanItem reads a row of selectItems, and gives the item's size too. No row
// gives a nil item.
func (t *table) scanItem(row interface{ Scan(...any) error }) (it item, size int, err error) {
	var text string
	var packed []byte
	err = row.Scan(&size, &text, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	if err == nil {
		it, err = t.decodeItem(text, packed)
	}
	return it, size, err
}

// tx is the one write transaction of its time.
type tx struct {
	*sql.Tx
	committed []func() // to do once it is committed, in order
}

// update runs f in a transaction that is committed if f returns nil. tables
// are those that f writes items to: each must still be there. A write that has
// begun is not given up when its client is.
func (db *DB) update(tables []*table, f func(*tx) error) error {
	db.writing.Lock()
	defer db.writing.Unlock()
	for _, t := range tables {
		if now, err := db.table(t.TableName); err != nil || now.id != t.id {
			return badRequest("ResourceNotFoundException", "Requested resource not found")
		}
	}
	begun, err := db.write.Begin()
	if err != nil {
		return fmt.Errorf("begin a write: %w", err)
	}
	defer begun.Rollback() // does nothing once it is committed
	w := &tx{Tx: begun}
	if err := db.sweep(w, time.Now()); err != nil {
		return fmt.Errorf("delete expired items: %w", err)
	}
	if err := f(w); err != nil {
		return err
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("commit a write: %w", err)
	}
	for _, then := range w.committed {
		then()
	}
	return nil
}

func (w *tx) get(t *table, key itemKey) (item, error) {
	it, _, err := t.scanItem(w.QueryRow(selectItems(true)+" AND sk = ?", t.id, []byte(key.hash), []byte(key.sort)))
	return it, err
}

func (w *tx) put(t *table, r *row) error {
	_, err := w.Exec(`INSERT INTO items (table_id, pk, sk, size, expires, item, vectors) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (table_id, pk, sk) DO UPDATE SET
		size = excluded.size, expires = excluded.expires, item = excluded.item, vectors = excluded.vectors`,
		t.id, []byte(r.key.hash), []byte(r.key.sort), r.size, r.expires, r.text, r.vectors)
	w.committed = append(w.committed, func() {
		for i, e := range r.entries {
			t.indexes[i].put(r.key, e)
		}
	})
	return err
}

func (w *tx) delete(t *table, key itemKey) error {
	_, err := w.Exec("DELETE FROM items WHERE table_id = ? AND pk = ? AND sk = ?", t.id, []byte(key.hash), []byte(key.sort))
	w.committed = append(w.committed, func() {
		for _, x := range t.indexes {
			x.remove(key)
		}
	})
	return err
}
