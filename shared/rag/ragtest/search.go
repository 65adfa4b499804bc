package ragtest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ragtime/shared/fault"
	"ragtime/shared/filter/filtertest"
	"ragtime/shared/rag"
)

// tolerance is how far a score may be from the exact cosine: stores keep at least four
// significant digits of each of the few components.
const tolerance = 1e-3

func (f fixture) search(v []float32, k int, filter rag.Filter) []rag.Passage {
	f.t.Helper()
	found, err := f.Search(f.t.Context(), f.tenant, v, k, k, filter)
	if err != nil {
		f.t.Fatalf("search: %v", err)
	}
	return found.Passages
}

// wantFound checks which chunks a search returns, such as "a/0 b/2".
func (f fixture) wantFound(v []float32, k int, filter rag.Filter, want string) {
	f.t.Helper()
	if got := passageNames(f.search(v, k, filter)); got != want {
		f.t.Errorf("search with filter %v: got %q, want %q", filter, got, want)
	}
}

// putAt puts a document with a chunk for each cosine with axis 0.
func (f fixture) putAt(d rag.Document, cosines ...float64) (rag.Document, []rag.Chunk) {
	f.t.Helper()
	d.Version = rag.NewVersion(d.Version)
	d, chunks := fill(d, "text", len(cosines))
	for i, c := range cosines {
		chunks[i].Embedding = vectorAtCosine(c)
	}
	f.replace(d, chunks)
	return d, chunks
}

func searchScores(t *testing.T, f fixture) {
	if got := f.search(axis(0), 10, rag.Filter{}); len(got) != 0 {
		t.Errorf("got %d passages of a new tenant, want none", len(got))
	}
	d := f.documentWith("a", "", `{"k": "v", "year": 2026.5, "draft": false}`)
	d.Title = "title"
	d, chunks := f.put(d, "text", 20)
	var query []float32
	near := func(c rag.Chunk) float64 { return cosine(query, c.Embedding) }
	for apart := false; !apart; { // a store may swap scores that are closer, by rounding
		query, apart = randomVector(), true
		slices.SortFunc(chunks, func(x, y rag.Chunk) int { return cmp.Compare(near(y), near(x)) })
		for i := range chunks[1:] {
			apart = apart && near(chunks[i])-near(chunks[i+1]) > 2*tolerance
		}
	}
	var want []rag.Passage
	for _, c := range chunks {
		want = append(want, rag.Passage{
			DocumentID: d.ID,
			Chunk:      c.N,
			Text:       c.Text,
			Context:    c.Context,
			Score:      cosine(query, c.Embedding),
			Title:      d.Title,
			Metadata:   d.Metadata,
		})
	}
	for _, k := range []int{1, 7, 20, 100} {
		got := f.search(query, k, rag.Filter{})
		if diff := gocmp.Diff(want[:min(k, 20)], got, cmpopts.EquateApprox(0, tolerance)); diff != "" {
			t.Errorf("k = %d (-want +got):\n%s", k, diff)
		}
	}
	// The length of a vector does not matter, its direction does.
	f.putAt(rag.Document{ID: "b"}, 1, 0, -1)
	long := []float32{1000, 0, 0, 0, 0, 0, 0, 0}
	for i, p := range f.search(long, 3, rag.Filter{DocumentID: "b"}) {
		if want := float64(1 - i); p.Chunk != i || math.Abs(p.Score-want) > tolerance {
			t.Errorf("got chunk %d with score %g, want %d with %g", p.Chunk, p.Score, i, want)
		}
	}
}

// documentWith makes a document; labels is its metadata in JSON.
func (f fixture) documentWith(id, collection, labels string) rag.Document {
	f.t.Helper()
	d := rag.Document{ID: id, Collection: collection}
	if err := d.Metadata.ReadExact("metadata", []byte(labels)); err != nil {
		f.t.Fatal(err)
	}
	return d
}

func (f fixture) filter(raw string) (out rag.Filter) {
	f.t.Helper()
	if err := out.ReadExact("filter", []byte(raw)); err != nil {
		f.t.Fatal(err)
	}
	return out
}

func searchFilters(_ *testing.T, f fixture) {
	f.putAt(f.documentWith("a", "red", `{"year": 2025, "state": "WA", "draft": true}`), 0.9, 0.5)
	f.putAt(f.documentWith("b", "red", `{"year": 2026, "state": "WA"}`), 0.8)
	f.putAt(f.documentWith("c", "blue", `{"year": 2026.50, "odd \"key\".[0]#": "😀 ' \\", "draft": false}`), 0.7)
	f.putAt(f.documentWith("d", "", `{"empty": "", "year": "2026"}`), 0.6)
	for _, test := range []struct{ filter, want string }{
		{`{}`, "a/0 b/0 c/0 d/0 a/1"},
		{`{"document_id": "a"}`, "a/0 a/1"},
		{`{"document_id": "none"}`, ""},
		{`{"collection": "red"}`, "a/0 b/0 a/1"},
		{`{"collection": "re"}`, ""},
		{`{"collection": "red", "document_id": "a"}`, "a/0 a/1"},
		{`{"collection": "blue", "document_id": "a"}`, ""},
		{`{"metadata": {"year": "2026"}}`, "d/0"},
		{`{"metadata": {"year": 2026}}`, "b/0"},
		{`{"metadata": {"year": 2026.5}}`, "c/0"},
		{`{"metadata": {"year": {"gte": 2026}}}`, "b/0 c/0"},
		{`{"metadata": {"year": {"in": [2025, "2026"]}}}`, "a/0 d/0 a/1"},
		{`{"metadata": {"year": 2026, "state": "WA"}}`, "b/0"},
		{`{"metadata": {"draft": true}}`, "a/0 a/1"},
		{`{"metadata": {"draft": {"exists": false}}}`, "b/0 d/0"},
		{`{"or": [{"metadata": {"draft": false}}, {"metadata": {"empty": ""}}]}`, "c/0 d/0"},
		{`{"not": {"metadata": {"state": {"prefix": "W"}}}}`, "c/0 d/0"},
		{`{"metadata": {"odd \"key\".[0]#": "😀 ' \\"}}`, "c/0"},
		{`{"metadata": {"empty": ""}}`, "d/0"},
		{`{"metadata": {"none": ""}}`, ""},
		{`{"collection": "red", "metadata": {"year": 2026}}`, "b/0"},
	} {
		f.wantFound(axis(0), 10, f.filter(test.filter), test.want)
	}
	f.wantFound(axis(0), 1, f.filter(`{"metadata": {"empty": ""}}`), "d/0")
	// A replacement moves the document to its new collection and metadata.
	f.put(f.documentWith("a", "blue", `{"year": 2027}`), "moved", 1)
	f.wantFound(axis(0), 10, rag.Filter{Collection: "red"}, "b/0")
	f.wantFound(axis(0), 10, f.filter(`{"metadata": {"year": 2025}}`), "")
	f.wantFound(axis(0), 10, rag.Filter{DocumentID: "a", Collection: "blue"}, "a/0")
}

// searchRandomFilters compares searches over fewer documents than a search returns with
// filtertest's evaluation of the filter.
func searchRandomFilters(t *testing.T, f fixture) {
	r := mathrand.New(mathrand.NewPCG(3, 7))
	labels := map[string]string{}
	for i := range 60 {
		id := fmt.Sprintf("d%02d", i)
		labels[id] = filtertest.Document(r)
		f.putAt(f.documentWith(id, "", labels[id]), 1-float64(i)/100)
	}
	found, all := 0, 0
	for range 300 {
		raw := filtertest.Filter(r)
		var want []string
		for _, id := range slices.Sorted(maps.Keys(labels)) { // most similar first
			if filtertest.Matches(raw, labels[id]) {
				want = append(want, id+"/0")
			}
		}
		got, err := f.Search(t.Context(), f.tenant, axis(0), 100, 100, f.filter(raw))
		if err != nil || passageNames(got.Passages) != strings.Join(want, " ") || got.Incomplete {
			t.Fatalf("filter %s: got %s, incomplete %t and error %v, want %v", raw, passageNames(got.Passages), got.Incomplete, err, want)
		}
		if len(want) == len(labels) {
			all++
		} else if len(want) > 0 {
			found++
		}
	}
	if found < 100 {
		t.Errorf("%d of 300 random filters find some of the documents, %d all: too few to tell", found, all)
	}
}

func searchCurrent(_ *testing.T, f fixture) {
	d, _ := f.putAt(rag.Document{ID: "a"}, 0.9, 0.8, 0.7)
	f.putAt(rag.Document{ID: "b"}, 0.5)
	f.putAt(d, 0.1)
	f.wantFound(axis(0), 10, rag.Filter{}, "b/0 a/0")
	f.delete("a")
	f.wantFound(axis(0), 10, rag.Filter{}, "b/0")
	f.wantFound(axis(0), 10, rag.Filter{DocumentID: "a"}, "")
	f.delete("b")
	f.wantFound(axis(0), 10, rag.Filter{}, "")
}

// searchLeftovers checks that left-over chunks are not found, and do not displace current
// ones. A refused replacement leaves its chunks, as one that crashed does.
func searchLeftovers(t *testing.T, f fixture) {
	early := rag.NewVersion("")
	d, _ := f.putAt(rag.Document{ID: "a", Version: early}, 0.2, 0.1)
	refused, chunks := fill(rag.Document{ID: "a", Version: early}, "refused", 60)
	for i := range chunks {
		chunks[i].Embedding = vectorAtCosine(0.9)
	}
	wantKind(t, f.Replace(t.Context(), f.tenant, refused, chunks), fault.Conflict)
	for _, k := range []int{1, 2, 10} {
		f.wantFound(axis(0), k, rag.Filter{}, []string{"a/0", "a/0 a/1"}[min(k, 2)-1])
	}
	f.putAt(d, 0.3)
	f.wantFound(axis(0), 10, rag.Filter{}, "a/0")
	f.delete("a")
	wantKind(t, f.Replace(t.Context(), f.tenant, refused, chunks), fault.Conflict)
	f.wantFound(axis(0), 10, rag.Filter{}, "")
}

func searchTenants(_ *testing.T, f fixture) {
	other := f.other()
	f.putAt(rag.Document{ID: "a"}, 0.9, 0.8)
	other.putAt(rag.Document{ID: "a"}, 0.5)
	other.putAt(rag.Document{ID: "b"}, 0.4)
	f.wantFound(axis(0), 10, rag.Filter{}, "a/0 a/1")
	f.wantFound(axis(0), 10, rag.Filter{DocumentID: "b"}, "")
	other.wantFound(axis(0), 10, rag.Filter{}, "a/0 b/0")
	f.delete("a")
	other.wantFound(axis(0), 10, rag.Filter{}, "a/0 b/0")
}

func searchAll(t *testing.T, f fixture) {
	f.put(rag.Document{ID: "a"}, "old", 40)
	_, chunks := f.put(rag.Document{ID: "a"}, "text", 60)
	got := f.search(axis(0), 100, rag.Filter{DocumentID: "a"})
	slices.SortFunc(got, func(x, y rag.Passage) int { return cmp.Compare(x.Chunk, y.Chunk) })
	if len(got) != len(chunks) {
		t.Fatalf("got %d passages, want %d", len(got), len(chunks))
	}
	for i, p := range got {
		if p.Chunk != i || p.Text != chunks[i].Text {
			t.Errorf("got chunk %d %q, want %d %q", p.Chunk, p.Text, i, chunks[i].Text)
		}
	}
}
