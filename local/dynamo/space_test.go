package dynamo

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
	"ragtime/shared/rag/ragtest"
)

// A table has vectors of one space: the first writer's.
func TestSpace(t *testing.T) {
	server := httptest.NewServer(open(t, ""))
	t.Cleanup(server.Close)
	create(t, clientOf(server.URL), passagesTable("ragtime"))
	in := func(space string) rag.Store { return storeAt(t, server.URL, "ragtime").In(space) }
	v := make([]float32, ragtest.Dimensions)
	v[0] = 1
	search := func(s rag.Store) error {
		_, err := s.Search(t.Context(), "tenant", v, 5, 5, rag.Filter{})
		return err
	}
	read := func(s rag.Store) error {
		_, _, err := s.Latest(t.Context(), "tenant", "doc")
		return err
	}
	put := func(s rag.Store) error {
		d := rag.Document{ID: "doc", Version: rag.NewVersion(""), Chunks: 1}
		return s.Replace(t.Context(), "tenant", d, []rag.Chunk{{Text: "a", Hash: "h", Tokens: 1, Embedding: v}})
	}
	a, b := in("openai/m/8"), in("gemini/m/8")
	for _, s := range []rag.Store{a, b} {
		if err := search(s); err != nil {
			t.Errorf("a table without a space is not searched: %v", err)
		}
	}
	for range 2 { // asked, and remembered
		if err := read(a); err != nil {
			t.Error(err)
		}
		if err := put(a); err != nil {
			t.Error(err)
		}
		if err := search(a); err != nil {
			t.Error(err)
		}
		if err := search(in("openai/m/8")); err != nil {
			t.Errorf("another process of the same space: %v", err)
		}
		for name, do := range map[string]func(rag.Store) error{"search": search, "read for a put": read, "put": put} {
			f := fault.From(do(b))
			if f == nil || f.Kind != fault.Conflict || !strings.Contains(f.Detail, "embedded as openai/m/8, and this function embeds as gemini/m/8") {
				t.Errorf("%s in another space: %v, want a conflict that names both", name, f)
			}
		}
		if _, err := b.Get(t.Context(), "tenant", "doc"); err != nil {
			t.Errorf("a document is not shown where vectors do not matter: %v", err)
		}
	}
	if err := b.Delete(t.Context(), "tenant", "doc"); err != nil {
		t.Errorf("nor deleted: %v", err)
	}
	if page, _, err := a.List(t.Context(), "#space", 10, ""); err != nil || len(page) != 0 {
		t.Errorf("the space is listed as a document: %v, %v", page, err)
	}
}

// Of writers of different spaces that begin at once, those of one win.
func TestSpaceRace(t *testing.T) {
	server := httptest.NewServer(open(t, ""))
	t.Cleanup(server.Close)
	create(t, clientOf(server.URL), passagesTable("ragtime"))
	spaces := []string{"a/m/8", "b/m/8", "c/m/8"}
	won := make([]int, len(spaces))
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 24 {
		s := storeAt(t, server.URL, "ragtime").In(spaces[i%len(spaces)])
		all.Go(func() {
			_, _, err := s.Latest(t.Context(), "tenant", "doc")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won[i%len(spaces)]++
			} else if fault.From(err).Kind != fault.Conflict {
				t.Errorf("%v, want a conflict", err)
			}
		})
	}
	all.Wait()
	winners := 0
	for _, n := range won {
		if n == 24/len(spaces) {
			winners++
		} else if n != 0 {
			t.Errorf("%v: some of a space won, and others did not", won)
		}
	}
	if winners != 1 {
		t.Errorf("%v: want the writers of one space", won)
	}
}
