package dynamo

import (
	"bytes"
	"context"
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

	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// heldSwitch is the way of a process to DynamoDB on which the switch of its put
// is held up: it takes effect when the test says so, long after everybody gave it
// up. The process gets no other update through either.
type heldSwitch struct {
	db      *DB
	updates atomic.Int32
	held    atomic.Pointer[http.Request]
}

func (h *heldSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if operation(r) != "UpdateItem" || h.updates.Add(1) == 1 { // the first one marks
		h.db.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if h.updates.Load() == 2 {
		late := r.Clone(context.Background())
		late.Body = io.NopCloser(bytes.NewReader(body))
		h.held.Store(late)
	}
	refuse(w, http.StatusInternalServerError, "InternalServerError")
}

// arrive lets the switch take effect.
func (h *heldSwitch) arrive(t *testing.T) {
	t.Helper()
	if h.held.Load() == nil {
		t.Fatal("no switch was sent; the test tests nothing")
	}
	h.db.ServeHTTP(httptest.NewRecorder(), h.held.Load())
}

// What is made after a put ended without knowing whether it was made stays so:
// the put's switch, should it still arrive, changes nothing any more.
func TestLateSwitch(t *testing.T) {
	const before, after = "what was there", "what the put that failed would have made"
	put := func(ctx context.Context, s rag.Store, text string) error {
		_, err := rag.Embed(ctx, "t", rag.Input{ID: "a", Text: text}, oneDirection{}, s)
		return err
	}
	remove := func(ctx context.Context, s rag.Store) error { return rag.Delete(ctx, "t", "a", s) }
	same := func(ctx context.Context, s rag.Store) error { return put(ctx, s, before) }
	for _, tt := range []struct {
		name        string
		first, then func(context.Context, rag.Store) error
		want        string // the document's text; "" for no document
	}{
		{"a document is deleted", same, remove, ""},
		{"a tombstone is deleted again", func(ctx context.Context, s rag.Store) error {
			if err := same(ctx, s); err != nil {
				return err
			}
			return remove(ctx, s)
		}, remove, ""},
		{"the document that is there is put again", same, same, before},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := passagesDB(t)
			s := storeAt(t, serveURL(t, db), "ragtime")
			if err := tt.first(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			h := &heldSwitch{db: db}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := put(ctx, storeAt(t, serveURL(t, h), "ragtime"), after); err == nil {
				t.Fatal("the put did not fail; the test tests nothing")
			}
			if err := tt.then(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			h.arrive(t)
			page, _, err := s.Chunks(t.Context(), "t", "a", 10, "")
			if f := fault.From(err); f != nil && (f.Kind != fault.NotFound || tt.want != "") {
				t.Fatal(err)
			}
			var got []string
			for _, c := range page {
				got = append(got, c.Text)
			}
			if strings.Join(got, "") != tt.want {
				t.Errorf("the document is %q, want %q", got, tt.want)
			}
		})
	}
}

// oneDirection embeds every text alike.
type oneDirection struct{}

func (oneDirection) Model() string { return "one direction" }

func (oneDirection) Embed(_ context.Context, texts []string) ([][]float32, int, error) {
	out := make([][]float32, len(texts))
	for i := range out {
		out[i] = direction(0)
	}
	return out, len(texts), nil
}

// A delete that another delete overtook has what it wanted.
func TestDeletesAtOnce(t *testing.T) {
	db := passagesDB(t)
	s := storeAt(t, serveURL(t, db), "ragtime")
	v := version(t, "", 3)
	if err := s.Replace(t.Context(), "t", v.Document, v.chunks); err != nil {
		t.Fatal(err)
	}
	var first atomic.Bool
	overtaken := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if operation(r) == "UpdateItem" && first.CompareAndSwap(false, true) {
			time.Sleep(2 * time.Millisecond) // versions count milliseconds: the other one is later
			if err := s.Delete(context.Background(), "t", "a"); err != nil {
				t.Error(err)
			}
		}
		db.ServeHTTP(w, r)
	})), "ragtime")
	if err := overtaken.Delete(t.Context(), "t", "a"); err != nil {
		t.Errorf("got %v of a delete beside a delete, want none", err)
	}
	wantOnlyChunksOf(t, db, "", 0)
}

// Puts under way near a query cost a search no repairs, and do not keep it from
// the repairs that are due.
func TestRepairsWhatIsDead(t *testing.T) {
	db := passagesDB(t)
	s := storeAt(t, serveURL(t, db), "ragtime")
	c := serve(t, db)
	near := func(id, v string) {
		put(t, c, "ragtime", attrs{"pk": str("chunk#t#" + id), "sk": str(v + "#000000"), "tenant": str("t"), "document_id": str(id),
			"version": str(v), "n": num("0"), "text": str("text"), "embedding": vec(direction(0)...)})
	}
	end := num(fmt.Sprint(time.Now().Add(time.Minute).Unix()))
	for i := range 12 {
		id, v := fmt.Sprintf("a-%02d", i), rag.NewVersion("")
		put(t, c, "ragtime", attrs{"pk": str("doc#t"), "sk": str(id), "document_id": str(id), "status": str("begun"), "put#" + v: end})
		near(id, v)
	}
	old := rag.NewVersion("")
	put(t, c, "ragtime", attrs{"pk": str("doc#t"), "sk": str("z"), "document_id": str("z"), "status": str("deleted"), "version": str(rag.NewVersion(old))})
	near("z", old)

	if _, err := s.Search(t.Context(), "t", direction(0), 5, 5, rag.Filter{}); err != nil {
		t.Fatal(err)
	}
	out, err := c.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("ragtime"), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: attrs{":pk": str("chunk#t#z")}})
	if err != nil || len(out.Items) != 0 {
		t.Errorf("%d chunks of a deleted document are left, error %v", len(out.Items), err)
	}
	var queries atomic.Int32
	counted := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if operation(r) == "Query" {
			queries.Add(1)
		}
		db.ServeHTTP(w, r)
	})), "ragtime")
	found, err := counted.Search(t.Context(), "t", direction(0), 5, 5, rag.Filter{})
	if err != nil || found.Stale != 0 || queries.Load() != 0 {
		t.Errorf("beside puts under way: %d stale, %d queries, error %v; want none", found.Stale, queries.Load(), err)
	}
}

// An empty answer says nothing of the table's space either.
func TestEmptyAnswersOfTheSpace(t *testing.T) {
	for _, silent := range []string{"GetItem", "PutItem"} {
		db := passagesDB(t)
		s := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if operation(r) == silent && bytes.Contains(body, []byte("#space")) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				io.WriteString(w, "{}")
				return
			}
			db.ServeHTTP(w, r)
		})), "ragtime").In("a space")
		_, _, err := s.Latest(t.Context(), "t", "a")
		if f := fault.From(err); f == nil || f.Kind != fault.Unavailable {
			t.Errorf("%s answered nothing: got %v, want unavailable", silent, err)
		}
	}
}

// A tombstone that is about to expire stays while a put is under way: its mark would go with it.
func TestMarkKeepsItem(t *testing.T) {
	db := passagesDB(t)
	c := serve(t, db)
	put(t, c, "ragtime", attrs{"pk": str("doc#t"), "sk": str("a"), "document_id": str("a"), "status": str("deleted"),
		"version": str(rag.NewVersion("")), "expires_at": num(fmt.Sprint(time.Now().Add(time.Minute).Unix()))})
	var expires atomic.Int32
	s := storeAt(t, serveURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if item := get(t, c, "ragtime", "doc#t", "a"); operation(r) == "BatchWriteItem" && item["expires_at"] != nil {
			expires.Add(1)
		}
		db.ServeHTTP(w, r)
	})), "ragtime")
	v := version(t, rag.NewVersion(rag.NewVersion("")), 3)
	if err := s.Replace(t.Context(), "t", v.Document, v.chunks); err != nil {
		t.Fatal(err)
	}
	if n := expires.Load(); n != 1 {
		t.Errorf("%d batches met an item that expires, want that of the entry only", n)
	}
	v.wantCurrent(t, s)
}
