package dynamo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/metadata"
	"ragtime/shared/rag"
)

// filterOf reads a filter.
func filterOf(t *testing.T, raw string) (f rag.Filter) {
	t.Helper()
	if err := f.ReadExact("filter", []byte(raw)); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRareValue: among 50,000 chunks that are nearer, a search finds the one of a
// declared key's value. By a key that is not declared it does not, and says so.
func TestRareValue(t *testing.T) {
	const documents, each = 5, 10_000
	server := httptest.NewServer(open(t, ""))
	t.Cleanup(server.Close)
	create(t, clientOf(server.URL), passagesTable("ragtime"))
	s := storeAt(t, server.URL, "ragtime").Declare("lang", "topic")
	put := func(id string, m metadata.Map, n int, v func() []float32) {
		d := rag.Document{ID: id, Version: rag.NewVersion(""), Chunks: n, Hash: "h", Metadata: m}
		chunks := make([]rag.Chunk, n)
		for i := range chunks {
			chunks[i] = rag.Chunk{N: i, Text: "t", Hash: fmt.Sprint(i), Tokens: 1, Embedding: v()}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := s.Replace(ctx, "t", d, chunks); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	near := func() []float32 {
		v := make([]float32, 8)
		v[0], v[1] = 1, r.Float32()/10
		return v
	}
	far := func() []float32 { return direction(3) }
	long := strings.Repeat("界", metadata.MaxString)
	for i := range documents {
		put(fmt.Sprint("common", i), metadata.Map{"lang": metadata.String("en"), "topic": metadata.Bool(true), "year": metadata.String("1")}, each, near)
	}
	rare := metadata.Map{"lang": metadata.String("de"), "topic": metadata.String(long), "year": number(t, "1")}
	put("rare", rare, 1, far)
	for _, test := range []struct {
		filter     string
		found      int
		incomplete bool
	}{
		{`{"metadata":{"lang":"de"}}`, 1, false},
		{`{"metadata":{"lang":{"in":["de"]}}}`, 1, false},
		{`{"and":[{"metadata":{"lang":"de"}},{"metadata":{"year":{"gte":0}}}]}`, 1, false},
		{`{"metadata":{"topic":"` + long + `"}}`, 1, false}, // longer than what the index is given as it is
		{`{"metadata":{"lang":"fr"}}`, 0, false},
		{`{"metadata":{"lang":"en"}}`, 100, false},
		{`{"metadata":{"year":1}}`, 0, true},
		{`{"metadata":{"lang":{"prefix":"d"}}}`, 0, true},
		{`{"metadata":{"lang":{"in":["de","fr"]}}}`, 0, true},
		{`{"or":[{"metadata":{"lang":"de"}},{"metadata":{"lang":"fr"}}]}`, 0, true},
	} {
		got, err := s.Search(t.Context(), "t", direction(0), 100, 1, filterOf(t, test.filter))
		if err != nil || len(got.Passages) != test.found || got.Incomplete != test.incomplete {
			t.Errorf("%.80s: got %d passages, incomplete %t and error %v, want %d and %t", test.filter, len(got.Passages), got.Incomplete, err, test.found, test.incomplete)
		}
		if test.found == 1 && len(got.Passages) == 1 && got.Passages[0].DocumentID != "rare" {
			t.Errorf("%.80s: found %s", test.filter, got.Passages[0].DocumentID)
		}
	}
}

func number(t *testing.T, s string) metadata.Value {
	t.Helper()
	v, ok := metadata.Decimal(s)
	if !ok {
		t.Fatalf("%s is no number", s)
	}
	return v
}

// oneText embeds every text alike.
type oneText struct{}

func (oneText) Model() string { return "m" }
func (oneText) Embed(_ context.Context, texts []string) (v [][]float32, tokens int, err error) {
	for range texts {
		v = append(v, direction(0))
	}
	return v, 1, nil
}

// TestDeclaredLater: a document of before is found by the key once it was put
// again, unchanged as it is, and without embedding anything. A table without the
// filters is named as the reason.
func TestDeclaredLater(t *testing.T) {
	server := httptest.NewServer(open(t, ""))
	t.Cleanup(server.Close)
	create(t, clientOf(server.URL), passagesTable("ragtime"))
	put := func(keys ...string) rag.PutResult {
		t.Helper()
		s := storeAt(t, server.URL, "ragtime").Declare(keys...)
		in := rag.Input{ID: "a", Text: "text", Metadata: metadata.Map{"lang": metadata.String("de"), "year": number(t, "1")}}
		done, err := rag.Embed(t.Context(), "t", in, oneText{}, s)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	finds := func(keys ...string) bool {
		t.Helper()
		got, err := storeAt(t, server.URL, "ragtime").Declare(keys...).Search(t.Context(), "t", direction(0), 10, 1, filterOf(t, `{"metadata":{"lang":"de"}}`))
		if err != nil {
			t.Fatal(err)
		}
		return len(got.Passages) == 1
	}
	put()
	if !finds() || finds("lang") {
		t.Error("before it is put again, the document is found by the key declared since, or not at all")
	}
	for _, keys := range [][]string{{"lang"}, {"year", "lang"}, {}} {
		if done := put(keys...); done.Unchanged || done.Embedded != 0 {
			t.Errorf("declared %v: got %+v, want it written again with the embedding that is there", keys, done)
		}
		if done := put(keys...); !done.Unchanged {
			t.Errorf("declared %v: got %+v of the same again, want nothing written", keys, done)
		}
		if !finds(keys...) {
			t.Errorf("declared %v: not found", keys)
		}
	}
	// Chunks that have another key in the same place take nobody's.
	for i, key := range []string{"old", "new"} {
		s := storeAt(t, server.URL, "ragtime").Declare(key)
		d := rag.Document{ID: key, Version: rag.NewVersion(""), Metadata: metadata.Map{key: number(t, "7")}}
		var chunks []rag.Chunk
		for n := range 120 {
			chunks = append(chunks, rag.Chunk{N: n, Text: "t", Hash: "h", Embedding: direction(i)})
		}
		if err := s.Replace(t.Context(), "t", d, chunks); err != nil {
			t.Fatal(err)
		}
	}
	got, err := storeAt(t, server.URL, "ragtime").Declare("new").Search(t.Context(), "t", direction(0), 100, 1, filterOf(t, `{"metadata":{"new":7}}`))
	if err != nil || len(got.Passages) != 100 {
		t.Errorf("beside chunks of another key: got %d passages and error %v, want 100", len(got.Passages), err)
	}
	bare := passagesTable("bare")
	bare.VectorIndexes[0].SearchSchema = bare.VectorIndexes[0].SearchSchema[:3]
	bare.AttributeDefinitions = bare.AttributeDefinitions[:5]
	create(t, clientOf(server.URL), bare)
	_, err = storeAt(t, server.URL, "bare").Declare("lang").Search(t.Context(), "t", direction(0), 10, 1, filterOf(t, `{"metadata":{"lang":"de"}}`))
	if f := fault.From(err); f == nil || f.Kind != fault.Upstream || !strings.Contains(f.Detail, "RAGTIME_FILTER_KEYS") {
		t.Errorf("a table without the filters: got %v, want a fault that names the variable", err)
	}
}
