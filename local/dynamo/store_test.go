package dynamo

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// TestRefusedWrite: a write that is refused, or fails, leaves nothing in the file or
// the index, and those after it go on.
func TestRefusedWrite(t *testing.T) {
	db := open(t, "")
	c := serve(t, db)
	create(t, c, vectorTable("items", 2, allProjected))
	items, err := db.table("items")
	if err != nil {
		t.Fatal(err)
	}
	for sk, failure := range map[string]error{"1": nil, "2": invalid("no"), "3": errors.New("the disk is full"), "4": nil} {
		r, err := items.row(item{"pk": {kind: kindS, text: "a"}, "sk": {kind: kindS, text: sk}, "embedding": listOf([]float32{1, 2})})
		if err != nil {
			t.Fatal(err)
		}
		err = db.update(func(w *tx) error { return errors.Join(w.put(items, r), failure) })
		if there := get(t, c, "items", "a", sk) != nil; errors.Is(err, failure) == false || there != (failure == nil) {
			t.Errorf("item %s: got there %t and error %v, want %v", sk, there, err, failure)
		}
	}
	if n, _ := items.index.count(); n != 2 {
		t.Errorf("%d items are in the index, want 2", n)
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
