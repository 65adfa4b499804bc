package dynamo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// A switch that took effect and whose answer was lost is made, also where nothing
// can be read any more: the put must not take back what it has made current.
func TestLostSwitch(t *testing.T) {
	for _, reads := range []string{"answered", "failing"} {
		t.Run(reads, func(t *testing.T) {
			db := passagesDB(t)
			s := storeAt(t, serveURL(t, db), "ragtime")
			before := version(t, "", 3)
			if err := s.Replace(t.Context(), "t", before.Document, before.chunks); err != nil {
				t.Fatal(err)
			}
			var updates atomic.Int32
			faulty := serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case operation(r) == "UpdateItem" && updates.Add(1) == 2: // the first one marks
					db.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				case operation(r) == "GetItem" && reads == "failing":
					refuse(w, http.StatusInternalServerError, "InternalServerError")
				default:
					db.ServeHTTP(w, r)
				}
			}))
			after := version(t, before.Version, 40)
			if err := storeAt(t, faulty, "ragtime").Replace(t.Context(), "t", after.Document, after.chunks); err != nil {
				t.Errorf("the put was made, and failed with %v", err)
			}
			after.wantCurrent(t, s)
			wantOnlyChunksOf(t, db, after.Version, after.Chunks)
		})
	}
}

// Puts that fail take their chunks back; those of a killed one get out of a
// search's way when their time is over.
func TestLeftOversBlindNobody(t *testing.T) {
	db := passagesDB(t)
	url := serveURL(t, db)
	s := storeAt(t, url, "ragtime")
	d, chunks := rag.Document{ID: "found", Version: rag.NewVersion(""), Chunks: 1}, version(t, "", 1).chunks
	chunks[0].Embedding = direction(49)
	if err := s.Replace(t.Context(), "t", d, chunks); err != nil {
		t.Fatal(err)
	}
	near := func() []rag.Chunk {
		all := version(t, "", 60).chunks
		for i := range all {
			all[i].Embedding = direction(0)
		}
		return all
	}
	var updates atomic.Int32
	failing := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if operation(r) == "UpdateItem" && updates.Add(1)%6 != 1 { // the mark is set, the switch fails for good
			refuse(w, http.StatusInternalServerError, "InternalServerError")
			return
		}
		db.ServeHTTP(w, r)
	})), "ragtime")
	for i := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		err := failing.Replace(ctx, "t", rag.Document{ID: fmt.Sprintf("failed-%d", i), Version: rag.NewVersion(""), Chunks: 60}, near())
		cancel()
		if err == nil {
			t.Fatal("the put did not fail; the test tests nothing")
		}
	}
	found, err := s.Search(t.Context(), "t", direction(0), 5, 5, rag.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Passages) == 0 && !found.Incomplete {
		t.Error("the search found nothing, and says that it is whole")
	}
}

// Tombstones cost a list little.
func TestListOverTombstones(t *testing.T) {
	db := passagesDB(t)
	var calls atomic.Int32
	s := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		db.ServeHTTP(w, r)
	})), "ragtime")
	for range 3 {
		if err := s.Delete(t.Context(), "t", "never-there"); err != nil {
			t.Fatal(err)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("three deletes of what never was made %d calls, want one each: nothing to write", n)
	}
	c := serve(t, db)
	for i := range 2000 {
		put(t, c, "ragtime", attrs{"pk": str("doc#t"), "sk": str(fmt.Sprintf("gone-%04d", i)), "document_id": str(fmt.Sprintf("gone-%04d", i)),
			"status": str("deleted"), "version": str(rag.NewVersion(""))})
	}
	last := version(t, "", 1)
	last.ID = "there"
	if err := s.Replace(t.Context(), "t", last.Document, last.chunks); err != nil {
		t.Fatal(err)
	}
	calls.Store(0)
	page, next, err := s.List(t.Context(), "t", 1, "")
	if err != nil || len(page) != 1 || page[0].ID != "there" || next != "" {
		t.Errorf("got %v, cursor %q and error %v, want the one document", page, next, err)
	}
	if n := calls.Load(); n > 6 {
		t.Errorf("a list over 2,000 tombstones made %d calls, want 6 at the most", n)
	}
}

// An answer of 200 that lacks what every answer has says nothing.
func TestEmptyAnswersAreNotBelieved(t *testing.T) {
	for _, body := range []string{"", "{}"} {
		s := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			fmt.Fprint(w, body)
		})), "ragtime")
		v := version(t, "", 1)
		_, get := s.Get(t.Context(), "t", "a")
		_, search := s.Search(t.Context(), "t", direction(0), 5, 5, rag.Filter{})
		_, _, list := s.List(t.Context(), "t", 5, "")
		for what, err := range map[string]error{
			"put": s.Replace(t.Context(), "t", v.Document, v.chunks), "get": get, "search": search, "list": list,
			"delete": s.Delete(t.Context(), "t", "a"),
		} {
			if f := fault.From(err); f == nil || f.Kind != fault.Unavailable {
				t.Errorf("%s with answer %q: got %v, want unavailable", what, body, err)
			}
		}
	}
}

// An index that is not there yet is told as what it is.
func TestIndexNotThereYet(t *testing.T) {
	s := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"com.amazon.coral.validate#ValidationException","message":"The table does not have the specified index: passages"}`)
	})), "ragtime")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := s.Search(ctx, "t", direction(0), 5, 5, rag.Filter{})
	if f := fault.From(err); f == nil || f.Kind != fault.Unavailable || !strings.Contains(f.Detail, "not there, or not yet") || f.RetryAfter == 0 {
		t.Errorf("got %v, want unavailable with a Retry-After", err)
	}
}
