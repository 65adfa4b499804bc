package dynamo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"ragtime/shared/fault"
	"ragtime/shared/rag"
	"ragtime/shared/rag/ragtest"
)

// The adapter against a DynamoDB that fails. Every test has a faulty server and
// a sound one in front of the same database.

func operation(r *http.Request) string {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return name
}

func isWrite(r *http.Request) bool {
	return operation(r) == "BatchWriteItem" || operation(r) == "PutItem" || operation(r) == "UpdateItem"
}

func refuse(w http.ResponseWriter, status int, exception string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"on purpose"}`, exception)
}

func passagesDB(t *testing.T) *DB {
	db := open(t, "")
	create(t, serve(t, db), passagesTable("ragtime"))
	return db
}

func serveURL(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// partial writes a part of each batch, and hands back the rest as unprocessed.
type partial struct {
	*DB
	handedBack atomic.Int64
}

func (p *partial) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if operation(r) != "BatchWriteItem" {
		p.DB.ServeHTTP(w, r)
		return
	}
	var in struct{ RequestItems map[string][]json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "SerializationException")
		return
	}
	back := map[string][]json.RawMessage{}
	for table, items := range in.RequestItems {
		if taken := (len(items) + 1) / 2; taken < len(items) {
			in.RequestItems[table], back[table] = items[:taken], items[taken:]
			p.handedBack.Add(int64(len(items) - taken))
		}
	}
	body, err := json.Marshal(in)
	if err != nil {
		panic(err) // it came out of JSON
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	if p.DB.ServeHTTP(answer, r); answer.Code != http.StatusOK {
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	json.NewEncoder(w).Encode(map[string]any{"UnprocessedItems": back})
}

func TestStoreWithUnprocessedItems(t *testing.T) {
	p := &partial{DB: passagesDB(t)}
	s := storeAt(t, serveURL(t, p), "ragtime")
	first := version(t, "", 60)
	second := version(t, first.Version, 30)
	for _, v := range []stored{first, second} {
		if err := s.Replace(t.Context(), "t", v.Document, v.chunks); err != nil {
			t.Fatal(err)
		}
		v.wantCurrent(t, s)
		wantOnlyChunksOf(t, p.DB, v.Version, v.Chunks)
	}
	// 60 puts, then 30 puts and 60 deletes, about half of them handed back each time.
	if got := p.handedBack.Load(); got < 100 {
		t.Errorf("got %d items handed back, want more than 100", got)
	}
	if err := s.Delete(t.Context(), "t", "a"); err != nil {
		t.Fatal(err)
	}
	wantOnlyChunksOf(t, p.DB, "", 0)
}

func TestStoreThrottled(t *testing.T) {
	for _, exception := range []string{"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"} {
		t.Run(exception, func(t *testing.T) {
			t.Parallel()
			db := passagesDB(t)
			var left atomic.Int64
			s := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if left.Add(-1) >= 0 {
					refuse(w, http.StatusBadRequest, exception)
					return
				}
				db.ServeHTTP(w, r)
			})), "ragtime")
			v := version(t, "", 30)
			left.Store(3) // two batches at once: neither can meet more than three
			if err := s.Replace(t.Context(), "t", v.Document, v.chunks); err != nil {
				t.Fatal(err)
			}
			left.Store(3)
			v.wantCurrent(t, s)
			// One that does not end is told as what it is.
			left.Store(1 << 30)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := s.Get(ctx, "t", "a")
			if got := fault.From(err); got == nil || got.Kind != fault.RateLimited || !strings.Contains(got.Detail, exception) ||
				got.Phase != fault.PhaseReceive || got.RetryAfter == 0 || len(got.Attempts) < 4 {
				t.Errorf("got error %v, want rate-limited for %s in phase receive, with Retry-After, after more than 3 attempts", err, exception)
			}
		})
	}
}

// A search whose documents cannot be read gives what the index has with the error,
// but for filters that only the documents can answer.
func TestStoreUnread(t *testing.T) {
	db := passagesDB(t)
	s := storeAt(t, serveURL(t, readSilent(db)), "ragtime")
	v := version(t, "", 3)
	if err := s.Replace(t.Context(), "t", v.Document, v.chunks); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]int{`{}`: 3, `{"document_id":"a"}`: 3, `{"metadata":{"year":{"gt":2020}}}`: 0} {
		var f rag.Filter
		if err := f.ReadExact("filter", []byte(filter)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		found, err := s.Search(ctx, "t", v.chunks[0].Embedding, 10, 1, f)
		cancel()
		if got := fault.From(err); got == nil || got.Kind != fault.Timeout || len(found.Passages) != want {
			t.Errorf("filter %s: got %+v and error %v, want %d passages and a timeout", filter, found, err, want)
		}
	}
}

// TestStoreCrash fails every write of a replacement from the nth on, for every
// n: what is current afterwards is the old or the new version, whole.
func TestStoreCrash(t *testing.T) {
	hangUp := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for _, mode := range []struct {
		name string
		done bool // the write is made nonetheless
		fail func(http.ResponseWriter)
	}{
		{"500", false, func(w http.ResponseWriter) { refuse(w, http.StatusInternalServerError, "InternalServerError") }},
		{"closed before", false, hangUp},
		{"closed after", true, hangUp},
	} {
		for n := range sound + 2 {
			t.Run(fmt.Sprintf("%s from write %d", mode.name, n+1), func(t *testing.T) {
				t.Parallel()
				crash(t, n, mode.done, mode.fail)
			})
		}
	}
}

// The writes of the replacement in crash when none fails: TestMovesOfAPut.
const (
	toSwitch = 5
	sound    = 7
)

func crash(t *testing.T, n int, done bool, fail func(http.ResponseWriter)) {
	db := passagesDB(t)
	s := storeAt(t, serveURL(t, db), "ragtime")
	// Both versions together are what one search can give, so that a chunk that
	// is missing is missing for no other reason.
	before := version(t, "", 50)
	if err := s.Replace(t.Context(), "t", before.Document, before.chunks); err != nil {
		t.Fatal(err)
	}
	var writes atomic.Int64
	faulty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isWrite(r) && writes.Add(1) > int64(n) {
			if done {
				db.ServeHTTP(httptest.NewRecorder(), r)
			}
			fail(w)
			return
		}
		db.ServeHTTP(w, r)
	}))
	after := version(t, before.Version, 49)
	err := storeAt(t, faulty.URL, "ragtime").Replace(t.Context(), "t", after.Document, after.chunks)
	// No request is under way any more once the server is closed.
	faulty.Close()
	current, getErr := s.Get(t.Context(), "t", "a")
	if getErr != nil {
		t.Fatal(getErr)
	}
	switch {
	case err == nil && current.Version != after.Version:
		t.Errorf("the replacement succeeded, but version %s is current, want %s", current.Version, after.Version)
	case err != nil && fault.From(err).Kind != fault.Unavailable:
		t.Errorf("got error %v, want a fault of kind unavailable", err)
	case err != nil && !done && current.Version != before.Version:
		t.Errorf("the replacement failed before its switch, but version %s is current, want %s", current.Version, before.Version)
	}
	if want := n < toSwitch; (err != nil) != want {
		t.Errorf("got error %v of a replacement whose writes fail from %d on; a failure was expected: %t", err, n+1, want)
	}
	if current.Version == before.Version {
		before.wantCurrent(t, s)
	} else {
		after.wantCurrent(t, s)
	}
	last := version(t, after.Version, 5)
	if err := s.Replace(t.Context(), "t", last.Document, last.chunks); err != nil {
		t.Fatal(err)
	}
	last.wantCurrent(t, s)
	wantOnlyChunksOf(t, db, last.Version, last.Chunks)
}

// stored is a version of the document a of tenant t.
type stored struct {
	rag.Document
	chunks []rag.Chunk
}

func version(t *testing.T, after string, chunks int) stored {
	t.Helper()
	v := rag.NewVersion(after)
	s := stored{Document: rag.Document{ID: "a", Version: v, Chunks: chunks}}
	for i := range chunks {
		c := rag.Chunk{N: i, Text: fmt.Sprintf("%s part %d", v, i), Embedding: make([]float32, ragtest.Dimensions)}
		c.Hash = "hash of " + c.Text
		c.Embedding[i%ragtest.Dimensions], c.Embedding[0] = 1, float32(i+1)
		s.chunks = append(s.chunks, c)
	}
	return s
}

// wantCurrent checks that get and search give the version, all of it and no more.
func (s stored) wantCurrent(t *testing.T, store rag.Store) {
	t.Helper()
	d, err := store.Get(t.Context(), "t", "a")
	if err != nil || d.Version != s.Version || d.Chunks != s.Chunks {
		t.Fatalf("got version %s of %d chunks and error %v, want %s of %d", d.Version, d.Chunks, err, s.Version, s.Chunks)
	}
	found, err := store.Search(t.Context(), "t", s.chunks[0].Embedding, 100, 1, rag.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	passages := found.Passages
	want, got := map[int]string{}, map[int]string{}
	for _, c := range s.chunks {
		want[c.N] = c.Text
	}
	for _, p := range passages {
		got[p.Chunk] = p.Text
	}
	if diff := cmp.Diff(want, got); diff != "" || len(passages) != len(want) {
		t.Errorf("got %d passages, want %d (-want +got):\n%s", len(passages), len(want), diff)
	}
}

// wantOnlyChunksOf looks past the adapter at the chunks that the table holds.
func wantOnlyChunksOf(t *testing.T, db *DB, version string, chunks int) {
	t.Helper()
	out, err := serve(t, db).Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("ragtime"),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: attrs{":pk": str("chunk#t#a")}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Items) != chunks {
		t.Errorf("got %d chunks in the table, want %d", len(out.Items), chunks)
	}
	for _, i := range out.Items {
		if got := text(i["version"]); got != version {
			t.Errorf("got chunk %s in the table, want those of version %s only", text(i["sk"]), version)
		}
	}
}
