package dynamo

import (
	"bytes"
	"encoding/binary"
	"errors"
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

// tx is the one write transaction of its time.
type tx struct {
	*bolt.Tx
	committed []func() // to do once it is committed, in order
}

// update runs do in a transaction, which is on the disk when update returns nil. A
// write that has begun is not given up when its client is. What is kept in memory
// changes in the order of the commits.
func (db *DB) update(do func(*tx) error) error {
	db.writing.Lock()
	defer db.writing.Unlock()
	var w *tx
	err := db.file.Update(func(in *bolt.Tx) error {
		w = &tx{Tx: in}
		return do(w)
	})
	if err != nil {
		return err
	}
	for _, then := range w.committed {
		then()
	}
	return nil
}

func (t *table) bucketName() []byte { return binary.BigEndian.AppendUint64(nil, t.ID) }

// items is the table's bucket.
func (t *table) items(in *bolt.Tx) *bolt.Bucket { return in.Bucket(itemsBucket).Bucket(t.bucketName()) }

func (w *tx) put(t *table, r *row) error {
	w.committed = append(w.committed, func() { t.remember(r.key, r.entry) })
	return t.items(w.Tx).Put(r.key.bytes(), r.encode())
}

func (w *tx) delete(t *table, key itemKey) error {
	w.committed = append(w.committed, func() { t.remember(key, entry{}) })
	return t.items(w.Tx).Delete(key.bytes())
}

// stored reads one item; the zero storedItem if there is none.
func (t *table) stored(in *bolt.Tx, key itemKey) storedItem {
	return decodeStored(t.items(in).Get(key.bytes()))
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
