package filter_test

import (
	"math/rand/v2"
	"testing"

	"ragtime/shared/filter"
	"ragtime/shared/filter/filtertest"
	"ragtime/shared/metadata"
)

// TestAgainstPlainEvaluation compares 10,000 random filters and documents with filtertest's
// evaluation. It does so again as an index would: by the inline values first, and by Match
// if there is more.
func TestAgainstPlainEvaluation(t *testing.T) {
	const n = 10_000
	r := rand.New(rand.NewPCG(20, 26))
	var matched, inlined, whole, decided int
	for range n {
		raw := filtertest.Filter(r)
		document := filtertest.Document(r)
		var f filter.Filter
		var m metadata.Map
		if err := f.ReadExact("filter", []byte(raw)); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if err := m.ReadExact("metadata", []byte(document)); err != nil {
			t.Fatalf("%s: %v", document, err)
		}
		want := filtertest.Matches(raw, document)
		if got := f.Match(m); got != want {
			t.Fatalf("filter %s\ndocument %s: got %t, want %t", raw, document, got, want)
		}
		if want {
			matched++
		}
		values, more := f.Inline([]string{"lang", "draft"})
		has := true
		for k, v := range values {
			got, there := m[k]
			has = has && there && got == v
		}
		if want && !has || !more && has != want {
			t.Fatalf("filter %s\ndocument %s: inline %v and more %t say %t, want %t", raw, document, values, more, has, want)
		}
		if len(values) > 0 {
			inlined++
			if has && want {
				decided++
			}
		}
		if !more {
			whole++
		}
	}
	// A case that hardly ever happens is not tested.
	for what, got := range map[string]int{"matched": matched, "did not match": n - matched, "have inline values": inlined, "are inline as a whole": whole, "have inline values that are met": decided} {
		if got < 100 {
			t.Errorf("%d of %d random filters %s: too few", got, n, what)
		}
	}
	t.Logf("%d of %d matched, %d have inline values, %d have nothing else, %d are met by them", matched, n, inlined, whole, decided)
}
