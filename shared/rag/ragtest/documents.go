package ragtest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ragtime/shared/fault"
	"ragtime/shared/metadata"
	"ragtime/shared/rag"
)

// diffDocument compares documents. No metadata equals empty metadata, and times are equal if
// they are the same instant.
func diffDocument(want, got rag.Document) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(time.Time.Equal))
}

func getPut(t *testing.T, f fixture) {
	for _, d := range []rag.Document{
		{ID: "plain"},
		{
			ID:         "a.b_c~d-E9",
			Title:      "Ünï — \"title\"\n",
			Collection: "plans.2026",
			Metadata:   metadata.Map{"year": metadata.String("2026"), "state": metadata.String("WA")},
		},
		{ID: strings.Repeat("x", 128), Title: strings.Repeat("界", 500), Collection: strings.Repeat("c", 128)},
	} {
		want, chunks := f.put(d, "first", 3)
		f.wantWhole(want, chunks)
	}
}

func oddMetadata(t *testing.T, f fixture) {
	texts := map[string]string{
		"empty":     "",
		"#name":     ":value",
		"a.b[0]":    "x",
		"quote\"'`": `\ " ' /`,
		"newline\n": "tab\t\r\n\u2028",
		"emoji 😀":   "e\u0301 ≠ é",
		"control":   "\x01\x1f\x7f",
		"html":      "<a href='x'>&amp;</a>",
		" ":         " ",
		"null":      "null",
		"long":      strings.Repeat("界", 512),
	}
	m := metadata.Map{}
	for k, v := range texts {
		m[k] = metadata.String(v)
	}
	want, chunks := f.put(rag.Document{ID: "odd", Metadata: m}, "text", 1)
	f.wantWhole(want, chunks)
}

// typedMetadata checks that numbers come back exactly, and booleans as booleans.
func typedMetadata(t *testing.T, f fixture) {
	m := metadata.Map{
		"true":  metadata.Bool(true),
		"false": metadata.Bool(false),
		"text":  metadata.String("1"),
		"name":  metadata.String("true"),
	}
	for _, n := range []string{
		"0", "1", "-1", "0.1",
		"9007199254740993",
		"12345678901234567890123456789012345678",
		"-0.00000000000000000000000000000000000001",
		"1e-130", "-1e-130", "1e125",
		"9.9999999999999999999999999999999999999e125",
	} {
		v, ok := metadata.Decimal(n)
		if !ok {
			t.Fatalf("%s is no number", n)
		}
		m[n] = v
	}
	want, chunks := f.put(rag.Document{ID: "typed", Metadata: m}, "text", 1)
	f.wantWhole(want, chunks)
	page, _, err := f.List(t.Context(), f.tenant, 10, "")
	if err != nil || len(page) != 1 {
		t.Fatalf("list: got %d documents and error %v", len(page), err)
	}
	if diff := diffDocument(want, page[0]); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func notFound(t *testing.T, f fixture) {
	f.put(rag.Document{ID: "abc"}, "text", 1)
	for _, id := range []string{"none", "ab", "abcd", "ABC"} {
		f.wantNone(id)
	}
	_, version, err := f.Latest(t.Context(), f.tenant, "none")
	if err != nil || version != "" {
		t.Errorf("got version %q and error %v where there never was a document, want none", version, err)
	}
}

func list(t *testing.T, f fixture) {
	page, next, err := f.List(t.Context(), f.tenant, 10, "")
	if err != nil || len(page) != 0 || next != "" {
		t.Errorf("got %d documents, cursor %q and error %v of a new tenant, want none", len(page), next, err)
	}
	var want []string
	for i := range 11 {
		id := fmt.Sprintf("doc-%02d", i)
		f.put(rag.Document{ID: id, Title: "title of " + id}, "text", 1)
		want = append(want, id)
	}
	// Delete at the front, more in a row than a page has, and at the end.
	for _, gone := range []string{"doc-00", "doc-04", "doc-05", "doc-06", "doc-10"} {
		f.delete(gone)
		want = slices.DeleteFunc(want, func(id string) bool { return id == gone })
	}
	for _, limit := range []int{1, 2, 3, 5, 6, 7, 100} {
		var got []string
		cursor := ""
		for {
			page, next, err := f.List(t.Context(), f.tenant, limit, cursor)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > limit || len(page) == 0 {
				t.Fatalf("limit %d: got a page of %d after %v", limit, len(page), got)
			}
			for _, d := range page {
				got = append(got, d.ID)
				if d.Title != "title of "+d.ID || d.Chunks != 1 || d.Version == "" {
					t.Errorf("limit %d: got %v in the list, want it whole", limit, d)
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

func badCursor(t *testing.T, f fixture) {
	f.put(rag.Document{ID: "a"}, "text", 1)
	for _, cursor := range []string{"!", "a b", "\x00", strings.Repeat("A", 1000)} {
		_, _, err := f.List(t.Context(), f.tenant, 10, cursor)
		wantKind(t, err, fault.Invalid)
		if got := fault.From(err); got != nil && got.Field != "cursor" {
			t.Errorf("cursor %.10q: got field %q, want cursor", cursor, got.Field)
		}
	}
}

func replace(t *testing.T, f fixture) {
	d := rag.Document{ID: "a", Title: "old", Collection: "c", Metadata: metadata.Map{"k": metadata.String("v")}}
	f.put(rag.Document{ID: "a.b"}, "neighbour", 2)
	for _, n := range []int{60, 2, 25, 26, 1} {
		want, chunks := f.put(d, fmt.Sprintf("text of %d", n), n)
		f.wantWhole(want, chunks)
		d = rag.Document{ID: "a", Title: "new"} // loses its collection and metadata
	}
	if got, err := f.Get(t.Context(), f.tenant, "a.b"); err != nil || got.Chunks != 2 {
		t.Errorf("got neighbour %v and error %v, want it as it was", got, err)
	}
}

func deletes(t *testing.T, f fixture) {
	other, otherChunks := f.put(rag.Document{ID: "a-b"}, "neighbour", 2)
	f.delete("never-there")
	f.wantNone("never-there")
	for range 2 {
		want, chunks := f.put(rag.Document{ID: "a"}, "text", 30)
		f.wantWhole(want, chunks)
		f.delete("a")
		f.wantNone("a")
		f.delete("a")
		f.wantNone("a")
	}
	f.wantWhole(other, otherChunks)
}

func embeddings(t *testing.T, f fixture) {
	d, chunks := fill(rag.Document{ID: "a", Version: rag.NewVersion("")}, "text", 60)
	copy(chunks[0].Embedding, []float32{
		math.MaxFloat32,
		-math.MaxFloat32,
		math.SmallestNonzeroFloat32,
		1.0 / 3,
		0,
		16777217,
		1e-7,
		-0.1,
	})
	f.replace(d, chunks)
	f.wantWhole(d, chunks)
	// A reused chunk keeps its embedding, wherever it is now.
	again, fresh := fill(rag.Document{ID: "a", Version: rag.NewVersion(d.Version)}, "other text", 3)
	fresh[1].Hash = chunks[59].Hash
	fresh[1].Text = chunks[59].Text
	fresh[1].Embedding = chunks[59].Embedding
	f.replace(again, fresh)
	f.wantWhole(again, fresh)
}

func overtaken(t *testing.T, f fixture) {
	early, earlyChunks := fill(rag.Document{ID: "a", Version: rag.NewVersion("")}, "early", 30)
	late, lateChunks := fill(rag.Document{ID: "a", Version: rag.NewVersion(early.Version), Title: "late"}, "late", 3)
	f.replace(late, lateChunks)
	wantKind(t, f.Replace(t.Context(), f.tenant, early, earlyChunks), fault.Conflict)
	f.wantWhole(late, lateChunks)
	// What the refused one left harms no later change.
	last, lastChunks := f.put(rag.Document{ID: "a"}, "last", 2)
	f.wantWhole(last, lastChunks)
	f.delete("a")
	f.wantNone("a")
}

// versionAgo is a version of a put that began some time ago.
func versionAgo(d time.Duration) string {
	return fmt.Sprintf("%012x-%010x", time.Now().Add(-d).UnixMilli(), 1)
}

func deletedMeanwhile(t *testing.T, f fixture) {
	// A replacement that was under way must not bring the document back ...
	old, oldChunks := fill(rag.Document{ID: "b", Version: versionAgo(2 * time.Second)}, "old", 2)
	f.replace(old, oldChunks)
	slow, slowChunks := fill(rag.Document{ID: "b", Version: versionAgo(time.Second)}, "slow", 30)
	f.delete("b")
	wantKind(t, f.Replace(t.Context(), f.tenant, slow, slowChunks), fault.Conflict)
	f.wantNone("b")
	// ... but one that begins after the delete does.
	again, chunks := f.put(rag.Document{ID: "b"}, "again", 2)
	f.wantWhole(again, chunks)
}

// A Replace may be sent twice, because its answer was lost. Both succeed.
func sameVersionTwice(_ *testing.T, f fixture) {
	d, chunks := fill(rag.Document{ID: "a", Version: rag.NewVersion("")}, "text", 30)
	f.replace(d, chunks)
	f.replace(d, chunks)
	f.wantWhole(d, chunks)
}

func tenants(t *testing.T, f fixture) {
	other := f.other()
	d, chunks := f.put(rag.Document{ID: "a"}, "mine", 3)
	f.put(rag.Document{ID: "b"}, "mine", 1)
	other.wantNone("a")
	page, next, err := other.List(t.Context(), other.tenant, 10, "")
	if err != nil || len(page) != 0 || next != "" {
		t.Errorf("got %d documents, cursor %q and error %v of another tenant's, want none", len(page), next, err)
	}
	other.delete("a")
	f.wantWhole(d, chunks)
	theirs, theirChunks := other.put(rag.Document{ID: "a"}, "theirs", 2)
	f.wantWhole(d, chunks)
	f.delete("a")
	f.wantNone("a")
	other.wantWhole(theirs, theirChunks)
}

func chunks(t *testing.T, f fixture) {
	_, _, err := f.Chunks(t.Context(), f.tenant, "none", 10, "")
	wantKind(t, err, fault.NotFound)
	f.put(rag.Document{ID: "a"}, "old", 5)
	_, want := f.put(rag.Document{ID: "a"}, "new", 23)
	for _, limit := range []int{1, 5, 22, 23, 100} {
		var got []rag.Chunk
		cursor := ""
		for {
			page, next, err := f.Chunks(t.Context(), f.tenant, "a", limit, cursor)
			if err != nil || len(page) > limit {
				t.Fatalf("limit %d: got a page of %d and error %v", limit, len(page), err)
			}
			got = append(got, page...)
			if cursor = next; cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(rag.Chunk{}, "Embedding")); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	_, cursor, _ := f.Chunks(t.Context(), f.tenant, "a", 2, "")
	f.put(rag.Document{ID: "a"}, "newest", 23)
	_, _, err = f.Chunks(t.Context(), f.tenant, "a", 2, cursor)
	wantKind(t, err, fault.NotFound)
	_, _, err = f.Chunks(t.Context(), f.tenant, "a", 2, "!")
	wantKind(t, err, fault.Invalid)
}
