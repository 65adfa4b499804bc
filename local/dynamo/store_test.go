package dynamo

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// TestGroup: of writes that share a commit, a refused one does not touch the
// others; one that fails otherwise takes all of them with it.
func TestGroup(t *testing.T) {
	db := open(t, "")
	c := serve(t, db)
	create(t, c, plainTable("items"))
	items, err := db.table("items")
	if err != nil {
		t.Fatal(err)
	}
	putting := func(sk string) *write {
		r, err := items.row(item{"pk": {kind: kindS, text: "a"}, "sk": {kind: kindS, text: sk}}, itemTooLarge)
		if err != nil {
			t.Fatal(err)
		}
		return &write{tables: []*table{items}, do: func(w *tx) error { return w.put(items, r) }, done: make(chan error, 1)}
	}
	failing := func(err error) *write {
		return &write{do: func(*tx) error { return err }, done: make(chan error, 1)}
	}
	// Nothing else is written meanwhile.
	commit := func(group ...*write) (errs []error) {
		db.commit(group)
		for _, w := range group {
			errs = append(errs, <-w.done)
		}
		return errs
	}
	refusal, failure := invalid("no"), errors.New("the disk is full")
	if got := commit(putting("1"), failing(refusal), putting("2")); got[0] != nil || !errors.Is(got[1], refusal) || got[2] != nil {
		t.Errorf("got %v, want the second refused and the others done", got)
	}
	got := commit(putting("3"), failing(failure), putting("4"))
	for i, err := range got {
		if !errors.Is(err, failure) {
			t.Errorf("got %v of write %d beside a failure, want it failed too", err, i)
		}
	}
	for sk, want := range map[string]bool{"1": true, "2": true, "3": false, "4": false} {
		if got := get(t, c, "items", "a", sk) != nil; got != want {
			t.Errorf("item %s: got there %t, want %t", sk, got, want)
		}
	}
	gone := &table{definition: items.definition, id: items.id + 1}
	w := putting("5")
	w.tables = []*table{gone}
	if got := commit(w, putting("6")); got[0] == nil || got[1] != nil {
		t.Errorf("got %v of a write to a table that is gone and one to another, want the first refused", got)
	}
}

// TestStoredKeys: stored keys are ordered as keys are, come back as they were,
// and a partition's are together.
func TestStoredKeys(t *testing.T) {
	parts := []string{"a", "a\x00", "a\x00\x00", "a\x00\x01", "a\x00\xff", "a\x01", "a\xff", "b", "\x00", "\xff"}
	slices.Sort(parts)
	var previous []byte
	for _, hash := range parts {
		for _, sort := range append([]string{""}, parts...) {
			key := itemKey{hash, sort}
			b := key.bytes()
			if bytes.Compare(previous, b) >= 0 {
				t.Errorf("%q comes after %q", previous, b)
			}
			if got := parseKey(b); got != key {
				t.Errorf("got %q back, want %q", got, key)
			}
			if after := escapeZero.Replace(hash) + afterHash; string(b) >= after || string(itemKey{hash, ""}.bytes()) > string(b) {
				t.Errorf("%q is not within its partition", key)
			}
			previous = b
		}
	}
}
