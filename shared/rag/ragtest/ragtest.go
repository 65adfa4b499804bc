// Package ragtest checks that an implementation of rag.Store keeps its contract.
package ragtest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// Dimensions is how many dimensions the suite's embeddings have. A store under test must be
// made for them.
const Dimensions = 8

// Options say what a store under test cannot do. The zero value is a store that can do all.
type Options struct {
	SkipSearch          bool // there is no vector index: rag.Searcher is not tested
	SkipRepeatedReplace bool // a failed condition does not say what it met: a Replace that is made twice is not tested
}

// Store runs the suite. It calls open for each subtest. The stores may share their data,
// since each subtest has a tenant of its own.
func Store(t *testing.T, open func(t *testing.T) rag.Store, o Options) {
	type test struct {
		name string
		run  func(*testing.T, fixture)
	}
	tests := []test{
		{"get what was put", getPut},
		{"odd metadata", oddMetadata},
		{"metadata of all kinds", typedMetadata},
		{"not found", notFound},
		{"list in pages", list},
		{"bad cursor", badCursor},
		{"replace", replace},
		{"delete", deletes},
		{"embeddings", embeddings},
		{"overtaken replacement", overtaken},
		{"delete during a replacement", deletedMeanwhile},
		{"a replacement twice", sameVersionTwice},
		{"chunks in pages", chunks},
		{"tenants", tenants},
	}
	if o.SkipRepeatedReplace {
		tests = slices.DeleteFunc(tests, func(t test) bool { return t.name == "a replacement twice" })
	}
	if !o.SkipSearch {
		tests = append(tests, []test{
			{"search order and scores", searchScores},
			{"search filters", searchFilters},
			{"search by random filters", searchRandomFilters},
			{"search after changes", searchCurrent},
			{"search beside leftovers", searchLeftovers},
			{"search sees only the tenant's", searchTenants},
			{"search finds every chunk", searchAll},
		}...)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, fixture{t: t, Store: open(t), tenant: "tenant-" + rand.Text()})
		})
	}
}

// fixture is a store and a tenant of it, with helpers that fail the test on errors.
type fixture struct {
	rag.Store
	t      *testing.T
	tenant string
}

// other returns the same store with another tenant.
func (f fixture) other() fixture {
	f.tenant = "tenant-" + rand.Text()
	return f
}

// put replaces the document with n chunks of the text, under a new version.
func (f fixture) put(d rag.Document, text string, n int) (rag.Document, []rag.Chunk) {
	f.t.Helper()
	_, before, err := f.Latest(f.t.Context(), f.tenant, d.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	d.Version = rag.NewVersion(before)
	d, chunks := fill(d, text, n)
	f.replace(d, chunks)
	return d, chunks
}

func (f fixture) replace(d rag.Document, chunks []rag.Chunk) {
	f.t.Helper()
	if err := f.Replace(f.t.Context(), f.tenant, d, chunks); err != nil {
		f.t.Fatalf("replace %s: %v", d.ID, err)
	}
}

func (f fixture) delete(id string) {
	f.t.Helper()
	if err := f.Delete(f.t.Context(), f.tenant, id); err != nil {
		f.t.Fatalf("delete %s: %v", id, err)
	}
}

// wantWhole checks that the document and exactly its chunks are current.
func (f fixture) wantWhole(d rag.Document, chunks []rag.Chunk) {
	f.t.Helper()
	got, err := f.Get(f.t.Context(), f.tenant, d.ID)
	if err != nil {
		f.t.Fatalf("get %s: %v", d.ID, err)
	}
	if diff := diffDocument(d, got); diff != "" {
		f.t.Errorf("document %s (-want +got):\n%s", d.ID, diff)
	}
	latest, after, err := f.Latest(f.t.Context(), f.tenant, d.ID)
	if err != nil || latest.Version != d.Version || after < d.Version {
		f.t.Errorf("got latest version %q, the next after %q, and error %v, want %q", latest.Version, after, err, d.Version)
	}
	byHash, err := f.Embeddings(f.t.Context(), f.tenant, d.ID, d.Version)
	if err != nil {
		f.t.Fatalf("embeddings of %s: %v", d.ID, err)
	}
	if len(byHash) != len(chunks) {
		f.t.Errorf("got %d embeddings, want %d", len(byHash), len(chunks))
	}
	for _, c := range chunks {
		if !nearlyEqual(byHash[c.Hash], c.Embedding) {
			f.t.Errorf("chunk %d: got embedding %v, want %v", c.N, byHash[c.Hash], c.Embedding)
		}
	}
}

// wantNone checks that there is no such document.
func (f fixture) wantNone(id string) {
	f.t.Helper()
	got, err := f.Get(f.t.Context(), f.tenant, id)
	wantKind(f.t, err, fault.NotFound)
	if err == nil {
		f.t.Errorf("got document %v, want none", got)
	}
	latest, _, err := f.Latest(f.t.Context(), f.tenant, id)
	if err != nil || latest.Version != "" {
		f.t.Errorf("got latest version %q and error %v, want none", latest.Version, err)
	}
}

// nearlyEqual tells whether vectors are equal to four significant digits.
func nearlyEqual(got, want []float32) bool {
	return slices.EqualFunc(got, want, func(x, y float32) bool {
		return math.Abs(float64(x)-float64(y)) <= 0.5001e-3*math.Abs(float64(y))
	})
}

func wantKind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != want {
		t.Errorf("got error %v, want a fault of kind %s", err, want)
	}
}

// fill completes a document that has a version, and makes n chunks of the text.
func fill(d rag.Document, text string, n int) (rag.Document, []rag.Chunk) {
	d.Chunks, d.Hash = n, "hash of "+text
	d.UpdatedAt = time.Now().UTC()
	chunks := make([]rag.Chunk, n)
	for i := range chunks {
		said := fmt.Sprintf("%s, part %d of %s", text, i, d.ID)
		chunks[i] = rag.Chunk{
			N:         i,
			Text:      said,
			Hash:      "hash of " + said,
			Tokens:    i + 1,
			Embedding: randomVector(),
		}
		if i%2 > 0 {
			chunks[i].Context = "# Heading\n| a | table's |"
		}
	}
	return d, chunks
}

// randomVector has components of many magnitudes.
func randomVector() []float32 {
	v := make([]float32, Dimensions)
	for i := range v {
		v[i] = float32(mathrand.NormFloat64() * math.Pow(10, float64(mathrand.IntN(4)-3)))
	}
	v[0]++ // never zero as a whole
	return v
}

// axis is the unit vector along axis i.
func axis(i int) []float32 {
	v := make([]float32, Dimensions)
	v[i] = 1
	return v
}

// vectorAtCosine is a unit vector whose cosine with axis 0 is c.
func vectorAtCosine(c float64) []float32 {
	v := make([]float32, Dimensions)
	v[0] = float32(c)
	v[1] = float32(math.Sqrt(1 - c*c))
	return v
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		x := float64(a[i])
		y := float64(b[i])
		dot += x * y
		aa += x * x
		bb += y * y
	}
	return dot / math.Sqrt(aa*bb)
}

func passageNames(passages []rag.Passage) string {
	var s []string
	for _, p := range passages {
		s = append(s, fmt.Sprintf("%s/%d", p.DocumentID, p.Chunk))
	}
	return strings.Join(s, " ")
}
