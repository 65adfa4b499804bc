package dynamo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The file has two buckets: the tables' definitions by name, and a bucket of
// items for each table's id. An item's key there is itemKey.bytes, so a cursor
// walks a partition in the order of its sort keys.
var (
	tablesBucket = []byte("tables")
	itemsBucket  = []byte("items")
)

// openFile opens the file in dir, which it makes if need be. The file's lock
// goes with the process, however that ends.
func openFile(dir string) (*bolt.DB, error) {
	if dir == "" {
		return openTemporary()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := bolt.Open(filepath.Join(dir, "dynamo.bolt"), 0o600, &bolt.Options{
		Timeout:        time.Millisecond, // for the lock: do not wait for another process
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, errors.New("another process has this folder open: use its endpoint, stop it first, or take another folder")
	}
	return file, err
}

// openTemporary opens a file that is gone with the process, or where the system
// does not let an open file go, with Close.
func openTemporary() (*bolt.DB, error) {
	return bolt.Open("", 0o600, &bolt.Options{
		NoSync:         true,
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		OpenFile: func(string, int, os.FileMode) (*os.File, error) {
			f, err := os.CreateTemp("", "dynamo-*.bolt")
			if err == nil {
				os.Remove(f.Name())
			}
			return f, err
		},
	})
}

// write waits for its turn. do returns an *apiError only before it has written.
type write struct {
	tables []*table // those that do writes items to: each must still be there
	do     func(*tx) error
	done   chan error
}

// tx is the one write transaction of its time.
type tx struct {
	*bolt.Tx
	written   bool
	committed []func() // to do once it is committed, in order
}

// update runs do in a transaction that is committed if do returns nil. A write
// that has begun is not given up when its client is.
func (db *DB) update(tables []*table, do func(*tx) error) error {
	w := &write{tables: tables, do: do, done: make(chan error, 1)}
	db.writes <- w
	return <-w.done
}

// maxGroup bounds what waits for one commit.
const maxGroup = 64

// commitWrites commits the writes that wait until Close: those that came
// during a commit share the next one, and so its flush to the disk.
func (db *DB) commitWrites() {
	defer close(db.stopped)
	for w := range db.writes {
		group := []*write{w}
		for more := true; more && len(group) < maxGroup; {
			select {
			case w, more = <-db.writes:
				if more {
					group = append(group, w)
				}
			default:
				more = false
			}
		}
		db.commit(group)
	}
}

// commit answers each of the group. A refusal is of one write, any other error
// of all.
func (db *DB) commit(group []*write) {
	answers := make([]error, len(group))
	err := db.transaction(func(w *tx) error {
		for i, one := range group {
			err := db.run(w, one)
			if _, refused := errors.AsType[*apiError](err); err != nil && !refused {
				return err
			}
			answers[i] = err
		}
		return nil
	})
	for i, one := range group {
		if err != nil {
			answers[i] = fmt.Errorf("write: %w", err)
		}
		one.done <- answers[i]
	}
}

func (db *DB) run(w *tx, one *write) error {
	for _, t := range one.tables {
		if now, err := db.table(t.TableName); err != nil || now.id != t.id {
			return badRequest("ResourceNotFoundException", "Requested resource not found")
		}
	}
	return one.do(w)
}

func (db *DB) transaction(do func(*tx) error) error {
	begun, err := db.file.Begin(true)
	if err != nil {
		return err
	}
	defer begun.Rollback() // does nothing once it is committed
	w := &tx{Tx: begun}
	if err := db.sweep(w, time.Now()); err != nil {
		return err
	}
	if err := do(w); err != nil || !w.written {
		return err
	}
	if err := w.Commit(); err != nil {
		return err
	}
	for _, then := range w.committed {
		then()
	}
	return nil
}

func (t *table) bucketName() []byte { return binary.BigEndian.AppendUint64(nil, t.id) }

// items is the table's bucket; nil once the table is deleted.
func (t *table) items(in *bolt.Tx) *bolt.Bucket { return in.Bucket(itemsBucket).Bucket(t.bucketName()) }

func (w *tx) put(t *table, r *row) error {
	w.written = true
	w.committed = append(w.committed, func() { t.remember(r.key, r.entry, r.expires) })
	return t.items(w.Tx).Put(r.key.bytes(), r.encode())
}

func (w *tx) delete(t *table, key itemKey) error {
	w.written = true
	w.committed = append(w.committed, func() { t.remember(key, entry{}, 0) })
	return t.items(w.Tx).Delete(key.bytes())
}

// saveDefinition stores t's definition, of a new table or anew.
func (w *tx) saveDefinition(t *table) error {
	w.written = true
	text, err := encode(&t.definition)
	if err != nil {
		return err
	}
	return w.Bucket(tablesBucket).Put([]byte(t.TableName), text)
}

// stored reads one item; the zero storedItem if there is none.
func (t *table) stored(in *bolt.Tx, key itemKey) storedItem {
	items := t.items(in)
	if items == nil {
		return storedItem{}
	}
	return decodeStored(items.Get(key.bytes()))
}

// The partition key's end in a stored key, and what stands for a zero byte in it.
const (
	endOfHash   = "\x00\x00"
	afterHash   = "\x00\x01" // follows all sort keys
	escapedZero = "\x00\xff"
)

var escapeZero = strings.NewReplacer("\x00", escapedZero)

// bytes are ordered as the keys are, first by hash, then by sort.
func (k itemKey) bytes() []byte { return []byte(escapeZero.Replace(k.hash) + endOfHash + k.sort) }

func parseKey(b []byte) itemKey {
	end := 0
	for {
		end += bytes.IndexByte(b[end:], 0)
		if b[end+1] == 0 {
			break
		}
		end += 2
	}
	return itemKey{strings.ReplaceAll(string(b[:end]), escapedZero, "\x00"), string(b[end+2:])}
}
