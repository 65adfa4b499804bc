package rag

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/chunk"
	"ragtime/shared/fault"
	"ragtime/shared/metadata"
)

// embedder is an Embedder that records its texts.
type embedder struct {
	model string
	err   error
	sent  []string
}

func (e *embedder) Model() string { return e.model }

func (e *embedder) Embed(_ context.Context, texts []string) (vectors [][]float32, tokens int, err error) {
	e.sent = append(e.sent, texts...)
	if e.err != nil {
		return nil, 0, e.err
	}
	for _, t := range texts {
		vectors = append(vectors, vectorOf(e.model, t))
	}
	return vectors, 10 * len(texts), nil
}

// vectorOf makes a vector that differs for each text and model.
func vectorOf(model, text string) []float32 {
	v := []float32{float32(len(model)), float32(len(text)), 1}
	for _, r := range text {
		v[2] = float32(math.Mod(float64(v[2])*31+float64(r), 9973))
	}
	return v
}

// store is a Store of one document. It has the errors to return, by the method's name.
type store struct {
	document Document
	chunks   []Chunk
	found    []Passage
	failures map[string]error
	calls    []string
	searched struct {
		tenant string
		vector []float32
		k      int
		filter Filter
	}
}

func (s *store) call(method string) error {
	s.calls = append(s.calls, method)
	return s.failures[method]
}

func (s *store) Latest(context.Context, string, string) (Document, string, error) {
	return s.document, s.document.Version, s.call("latest")
}

func (s *store) Embeddings(context.Context, string, string, string) (map[string][]float32, error) {
	byHash := map[string][]float32{}
	for _, c := range s.chunks {
		byHash[c.Hash] = c.Embedding
	}
	return byHash, s.call("embeddings")
}

func (s *store) Chunks(context.Context, string, string, int, string) ([]Chunk, string, error) {
	return s.chunks, "next", s.call("chunks")
}

func (s *store) Replace(_ context.Context, _ string, d Document, chunks []Chunk) error {
	if err := s.call("replace"); err != nil {
		return err
	}
	s.document, s.chunks = d, chunks
	return nil
}

func (s *store) Delete(context.Context, string, string) error { return s.call("delete") }

func (s *store) Get(context.Context, string, string) (Document, error) {
	return s.document, s.call("get")
}

func (s *store) List(context.Context, string, int, string) ([]Document, string, error) {
	return []Document{s.document}, "next", s.call("list")
}

func (s *store) Search(_ context.Context, tenant string, v []float32, k, _ int, f Filter) (Found, error) {
	s.searched.tenant = tenant
	s.searched.vector = v
	s.searched.k = k
	s.searched.filter = f
	return Found{Passages: slices.Clone(s.found)}, s.call("search")
}

// sections is a document with a chunk for each name.
func sections(names ...string) string {
	var s strings.Builder
	for _, n := range names {
		fmt.Fprintf(&s, "# Section\n\n%s\n\n", strings.Repeat("The plan covers "+n+" as the summary of benefits says. ", 25))
	}
	return s.String()
}

func texts(text string) []string {
	var out []string
	for _, c := range chunk.Split(text, chunk.Options{}) {
		out = append(out, c.Text)
	}
	return out
}

func TestEmbed(t *testing.T) {
	s, e := &store{}, &embedder{model: "m"}
	var version string
	// put puts the text, and checks what was embedded and what is stored.
	put := func(text string, wantSent []string) {
		t.Helper()
		e.sent = nil
		in := Input{
			ID:         "a",
			Text:       text,
			Title:      "title",
			Collection: "c",
			Metadata:   metadata.Map{"k": metadata.String("v")},
		}
		out, err := Embed(t.Context(), "t", in, e, s)
		if err != nil {
			t.Fatal(err)
		}
		if out.Unchanged {
			if len(wantSent) > 0 ||
				out.Version != version ||
				out.Chunks != out.Reused ||
				s.document.Version != version {
				t.Errorf("got %+v of a put that changes nothing, want the version %s that was there", out, version)
			}
			return
		}
		all := texts(text)
		want := PutResult{
			Version:  out.Version,
			Chunks:   len(all),
			Embedded: len(wantSent),
			Reused:   len(all) - len(wantSent),
			Tokens:   10 * len(wantSent),
		}
		if diff := cmp.Diff(want, out); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantSent, e.sent); diff != "" {
			t.Errorf("sent to the embedder (-want +got):\n%s", diff)
		}
		if out.Version <= version {
			t.Errorf("got version %q, want one after %q", out.Version, version)
		}
		version = out.Version
		d := s.document
		if d.ID != "a" ||
			d.Version != version ||
			d.Title != "title" ||
			d.Collection != "c" ||
			d.Metadata["k"] != metadata.String("v") ||
			d.Chunks != len(all) ||
			len(d.Hash) != 64 ||
			d.UpdatedAt.IsZero() ||
			len(s.chunks) != len(all) {
			t.Errorf("got document %+v with %d chunks, want it as it was put, with %d", d, len(s.chunks), len(all))
		}
		for i, c := range s.chunks {
			if c.N != i ||
				c.Text != all[i] ||
				c.Tokens != chunk.Count(c.Text) ||
				!slices.Equal(c.Embedding, vectorOf(e.model, c.Text)) {
				t.Errorf("got chunk %d: n %d, %d tokens, embedding %v, text %.40q; want those of %.40q", i, c.N, c.Tokens, c.Embedding, c.Text, all[i])
			}
		}
	}
	a := texts(sections("dentists"))[0]
	b := texts(sections("doctors"))[0]
	c := texts(sections("glasses"))[0]
	if diff := cmp.Diff([]string{a, b, a}, texts(sections("dentists", "doctors", "dentists"))); diff != "" {
		t.Fatalf("a section is no chunk of its own; the test needs other texts (-want +got):\n%s", diff)
	}
	put(sections("dentists", "doctors"), []string{a, b})
	put(sections("dentists", "doctors"), nil)
	put(sections("dentists", "glasses", "doctors"), []string{c})
	put(sections("doctors"), nil)
	put(sections("dentists", "glasses", "dentists", "doctors", "dentists"), []string{a, c})
	e.model = "other model" // the vectors of another one do not compare
	put(sections("dentists", "doctors"), []string{a, b})
}

// Metadata of another type is a change, but another notation of a number is none.
func TestMetadataChanges(t *testing.T) {
	s := &store{}
	for _, test := range []struct {
		metadata  string
		unchanged bool
	}{{`{"year":"2026"}`, false}, {`{"year":"2026"}`, true}, {`{"year":2026}`, false}, {`{"year":2.026e3}`, true}, {`{"year":2026.5}`, false}, {`{"year":true}`, false}, {`{}`, false}} {
		in := Input{ID: "a", Text: "text"}
		if err := in.Metadata.ReadExact("metadata", []byte(test.metadata)); err != nil {
			t.Fatal(err)
		}
		out, err := Embed(t.Context(), "t", in, &embedder{model: "m"}, s)
		if err != nil || out.Unchanged != test.unchanged {
			t.Errorf("%s: got unchanged %t and error %v, want %t", test.metadata, out.Unchanged, err, test.unchanged)
		}
	}
}

func TestEmbedVersionAfterAClockAhead(t *testing.T) {
	ahead := fmt.Sprintf("%012x-ffffffffff", time.Now().Add(time.Hour).UnixMilli())
	s := &store{document: Document{Version: ahead}}
	out, err := Embed(t.Context(), "t", Input{ID: "a", Text: "text"}, &embedder{}, s)
	if err != nil || out.Version <= ahead {
		t.Errorf("got version %q and error %v, want one after %q", out.Version, err, ahead)
	}
}

func TestNewVersion(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		v := NewVersion("")
		if seen[v] || len(v) != 23 || strings.Trim(v, "0123456789abcdef-") != "" {
			t.Fatalf("got version %q; seen before: %t", v, seen[v])
		}
		seen[v] = true
	}
	last := "ffffffffff00-ffffffffff" // in the year 10000 or so
	for range 100 {
		next := NewVersion(last)
		if next <= last {
			t.Fatalf("got version %q after %q", next, last)
		}
		last = next
	}
	now := NewVersion("")
	for _, odd := range []string{"0", "x-y", "-", "000000000001-00", strings.Repeat("f", 40)} {
		if got := NewVersion(odd); got[:12] < now[:12] || len(got) != 23 {
			t.Errorf("after %q: got version %q, want one of now, %q", odd, got, now)
		}
	}
}

func TestRetrieve(t *testing.T) {
	found := []Passage{{DocumentID: "a", Text: "x", Score: 0.9}, {DocumentID: "b", Text: "y", Score: 0.5}, {DocumentID: "c", Text: "z", Score: -0.2}}
	var filter Filter
	if err := filter.ReadExact("filter", []byte(`{"document_id": "a", "collection": "c", "metadata": {"k": "v"}}`)); err != nil {
		t.Fatal(err)
	}
	least := func(x float64) *float64 { return &x }
	for _, test := range []struct {
		name  string
		least *float64
		want  []Passage
	}{
		{"no least score", nil, found},
		{"-1", least(-1), found},
		{"0", least(0), found[:2]},
		{"equal to one", least(0.5), found[:2]},
		{"between", least(0.51), found[:1]},
		{"1", least(1), found[:0]},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, e := &store{found: found}, &embedder{model: "m"}
			got, err := Retrieve(t.Context(), "t", Query{Text: "what?", TopK: 7, Filter: filter, MinScore: test.least}, e, s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(RetrieveResult{Passages: Rank("what?", test.want, Fused), Tokens: 10}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			asked := s.searched
			if asked.tenant != "t" ||
				asked.k != 100 ||
				!slices.Equal(asked.vector, vectorOf("m", "what?")) ||
				!reflect.DeepEqual(asked.filter, filter) {
				t.Errorf("got search %+v, want the query's", asked)
			}
			if diff := cmp.Diff([]string{"what?"}, e.sent); diff != "" {
				t.Errorf("sent to the embedder (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSteps checks that an error names its step and keeps its kind, and that no later step is
// run.
func TestSteps(t *testing.T) {
	down := fault.New(fault.Unavailable, "down")
	failing := func(method string) *store { return &store{failures: map[string]error{method: down}} }
	put := func(e *embedder, s *store) error {
		_, err := Embed(t.Context(), "t", Input{ID: "a", Text: "text"}, e, s)
		return err
	}
	ask := func(e *embedder, s *store) error {
		_, err := Retrieve(t.Context(), "t", Query{Text: "text", TopK: 1}, e, s)
		return err
	}
	for _, test := range []struct {
		name  string
		run   func(*embedder, *store) error
		e     *embedder
		s     *store
		step  fault.Step
		calls []string
	}{
		{"put: latest", put, &embedder{}, failing("latest"), fault.StepRead, []string{"latest"}},
		{"put: embed", put, &embedder{err: down}, &store{}, fault.StepEmbed, []string{"latest"}},
		{"put: embeddings", put, &embedder{}, &store{document: Document{Version: "1-1"}, failures: map[string]error{"embeddings": down}}, fault.StepRead, []string{"latest", "embeddings"}},
		{"put: replace", put, &embedder{}, failing("replace"), fault.StepStore, []string{"latest", "replace"}},
		{"chunks", func(_ *embedder, s *store) error {
			_, err := Chunks(t.Context(), "t", "a", 1, "", s)
			return err
		}, nil, failing("chunks"), fault.StepRead, []string{"chunks"}},
		{"retrieve: embed", ask, &embedder{err: down}, &store{}, fault.StepEmbed, nil},
		{"retrieve: search", ask, &embedder{}, failing("search"), fault.StepSearch, []string{"search"}},
		{"delete", func(_ *embedder, s *store) error { return Delete(t.Context(), "t", "a", s) }, nil, failing("delete"), fault.StepStore, []string{"delete"}},
		{"get", func(_ *embedder, s *store) error { _, err := Get(t.Context(), "t", "a", s); return err }, nil, failing("get"), fault.StepRead, []string{"get"}},
		{"list", func(_ *embedder, s *store) error { _, err := List(t.Context(), "t", 1, "", s); return err }, nil, failing("list"), fault.StepRead, []string{"list"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.run(test.e, test.s)
			got, ok := errors.AsType[*fault.Error](err)
			if !ok || got.Step != test.step || got.Kind != fault.Unavailable {
				t.Errorf("got error %#v, want unavailable in step %s", err, test.step)
			}
			if diff := cmp.Diff(test.calls, test.s.calls); diff != "" {
				t.Errorf("calls of the store (-want +got):\n%s", diff)
			}
		})
	}
}
