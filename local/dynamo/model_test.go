package dynamo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	adapter "ragtime/shared/dynamo"
	"ragtime/shared/fault"
	"ragtime/shared/rag"
	"ragtime/shared/rag/ragtest"
)

var (
	schedules = flag.Int("schedules", 100, "how many random schedules TestModel runs")
	seed      = flag.Uint64("seed", 0, "the seed of the first schedule; 0 is one of the clock's")
)

// TestModel holds the store against a model of what is put and deleted, over
// schedules at random: several writers and readers at once, each a process of its
// own, whose calls to DynamoDB are lost before or after they took effect, answered
// 500, throttled in whole or in part, delayed past their attempt, or end with the process.
func TestModel(t *testing.T) {
	log, percent := slog.Default(), debug.SetGCPercent(800) // what a schedule keeps is little
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		slog.SetDefault(log)
		debug.SetGCPercent(percent)
	})
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	var next atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for i := next.Add(1) - 1; i < uint64(*schedules) && !t.Failed(); i = next.Add(1) - 1 {
				synctest.Test(t, func(t *testing.T) {
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("again with: go test ./local/dynamo -run TestModel -schedules 1 -seed %d", first+i)
						}
					})
					newModel(t, first+i).run()
				})
			}
		})
	}
}

// deed is a put or delete of a document, by one process.
type deed struct {
	id         string
	version    string // "" is a delete
	chunks     []rag.Chunk
	start, end time.Time
	done       bool // it said that it was made
	conflict   bool
}

type model struct {
	t      *testing.T
	db     *DB
	store  store // meets no fault
	random *rand.Rand
	faulty float64 // the share of calls that meet a fault
	pause  int     // what an actor waits at the most before it does something, in ms

	mu    sync.Mutex
	deeds []*deed
	late  sync.WaitGroup // calls that take effect after their attempt
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, db: open(t, ""), random: rand.New(rand.NewPCG(seed, 0))}
	m.faulty = []float64{0, 0.05, 0.2, 0.5}[m.random.IntN(4)]
	m.pause = 20_000
	if m.random.IntN(4) == 0 {
		m.pause = int(time.Hour.Milliseconds()) // what is due is met
	}
	m.store = m.process(nil)
	if _, err := operations["CreateTable"](m.db, t.Context(), passagesRequest()); err != nil {
		t.Fatal(err)
	}
	return m
}

// passagesRequest is the request that makes the table, as the SDK writes it.
var passagesRequest = sync.OnceValue(func() (body string) {
	cfg := config("http://dynamodb", nil)
	cfg.HTTPClient = smithyhttp.ClientDoFunc(func(r *http.Request) (*http.Response, error) {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
		return nil, errLost
	})
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	dynamodb.NewFromConfig(cfg).CreateTable(context.Background(), passagesTable("ragtime"))
	return body
})

// n is a number at random. Goroutines take turns in synctest only by chance, so a seed
// gives the same choices, and nearly the same schedule.
func (m *model) n(most int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.IntN(most)
}

func (m *model) happens(share float64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.Float64() < share
}

func (m *model) run() {
	var all sync.WaitGroup
	for range 2 + m.n(4) {
		all.Go(m.actor)
	}
	all.Wait()
	m.late.Wait()
	m.settle()
	for _, id := range documents {
		m.check(id)
	}
	m.tidy()
}

var documents = []string{"a", "b"}

// actor is a client whose requests go to a new process each.
func (m *model) actor() {
	for range 1 + m.n(4) {
		time.Sleep(time.Duration(m.n(m.pause)) * time.Millisecond)
		ctx, cancel := context.WithTimeout(m.t.Context(), time.Duration(2+m.n(23))*time.Second)
		kill := &killed{cancel: cancel}
		store := m.process(kill)
		id := documents[m.n(len(documents))]
		switch m.n(9) {
		case 0, 1:
			m.delete(ctx, store, id)
		case 2:
			store.List(ctx, "t", 10, "")
		case 3, 4:
			found, err := store.Search(ctx, "t", direction(m.n(50)), 100, 100, rag.Filter{})
			if err == nil {
				m.readable(found.Passages)
			}
		default:
			m.put(ctx, store, id)
		}
		cancel()
	}
}

func (m *model) put(ctx context.Context, s store, id string) {
	d := &deed{id: id, start: time.Now()}
	if m.n(3) == 0 {
		m.embed(ctx, s, d)
		return
	}
	_, after, err := s.Latest(ctx, "t", id)
	if err != nil {
		return
	}
	d.version = rag.NewVersion(after)
	size := 6
	if m.n(4) == 0 {
		size = 60 // of several batches
	}
	for i := range 1 + m.n(size) {
		text := fmt.Sprintf("%s of %s part %d", d.version, id, i)
		d.chunks = append(d.chunks, rag.Chunk{N: i, Text: text, Hash: text, Tokens: 1, Embedding: direction(i)})
	}
	m.note(d)
	time.Sleep(time.Duration(m.n(3000)) * time.Millisecond) // it embeds
	m.ended(d, s.Replace(ctx, "t", rag.Document{ID: id, Version: d.version, Chunks: len(d.chunks), Hash: d.version}, d.chunks))
}

// embed puts one of a few texts as the function does: the same one may be there already.
func (m *model) embed(ctx context.Context, s store, d *deed) {
	text := fmt.Sprintf("text %d of %s", m.n(3), d.id)
	out, err := rag.Embed(ctx, "t", rag.Input{ID: d.id, Text: text}, oneDirection{}, recorder{s, m, d})
	if err == nil && out.Unchanged {
		d.version, d.chunks = out.Version, []rag.Chunk{{Text: text}}
		m.note(d)
	}
	if d.version != "" {
		m.ended(d, err)
	}
}

// recorder notes what rag.Embed puts.
type recorder struct {
	store
	m *model
	d *deed
}

func (r recorder) Replace(ctx context.Context, tenant string, d rag.Document, chunks []rag.Chunk) error {
	r.d.version, r.d.chunks = d.Version, chunks
	r.m.note(r.d)
	return r.store.Replace(ctx, tenant, d, chunks)
}

func (m *model) delete(ctx context.Context, s store, id string) {
	d := &deed{id: id, start: time.Now()}
	m.note(d)
	m.ended(d, s.Delete(ctx, "t", id))
}

func (m *model) note(d *deed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deeds = append(m.deeds, d)
}

func (m *model) ended(d *deed, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d.end, d.done = time.Now(), err == nil
	f := fault.From(err)
	d.conflict = f != nil && f.Kind == fault.Conflict
	if f != nil && f.Kind == fault.Internal {
		m.t.Errorf("%v: not an error of a service", err)
	}
}

// settle lets late requests come. Then readers repair what is left: in half of the
// schedules searches that meet it, as soon as the puts' time is over, and lists that
// meet none of it in all of them.
func (m *model) settle() {
	m.faulty = 0
	store := m.store
	if m.n(2) == 0 {
		time.Sleep(2 * time.Minute)
		for _, id := range documents {
			for range 4 {
				if _, err := store.Search(m.t.Context(), "t", direction(0), 100, 100, rag.Filter{DocumentID: id}); err != nil {
					m.t.Fatal(err)
				}
			}
			m.check(id)
		}
	}
	time.Sleep(20 * time.Minute)
	settleAll(m.t, m.db, store, "t")
}

// tidy checks that a document item has no mark, and expires if it tells of no document.
func (m *model) tidy() {
	for _, i := range itemsIn(m.t, m.db, "doc#t") {
		for name := range i {
			if strings.HasPrefix(name, "put#") || strings.HasPrefix(name, "out#") {
				m.t.Errorf("document %s has the mark %s", i["sk"], name)
			}
		}
		if (i["expires_at"] == "") != (i["status"] == "ready") {
			m.t.Errorf("document %s is %s, and expires at %q", i["sk"], i["status"], i["expires_at"])
		}
	}
}

// check holds a document against what was done to it.
func (m *model) check(id string) {
	store := m.store
	d, err := store.Get(m.t.Context(), "t", id)
	if err != nil && fault.From(err).Kind != fault.NotFound {
		m.t.Fatal(err)
	}
	var is *deed // what made it so; nil for nothing
	for _, x := range m.deeds {
		if x.id == id && x.version == d.Version && d.Version != "" {
			is = x
		}
	}
	if d.Version != "" && is == nil {
		m.t.Fatalf("document %s has version %s, which nobody put", id, d.Version)
	}
	for _, x := range m.deeds {
		if x.id != id {
			continue
		}
		if x.done && x != is && (is == nil && x.version != "" && !m.undone(x) || is != nil && x.start.After(is.end) && !is.end.IsZero()) {
			m.t.Errorf("document %s: what was made from %s to %s (version %q) is lost: %q is current", id, clock(x.start), clock(x.end), x.version, d.Version)
		}
		if x.conflict && !m.rival(x) {
			m.t.Errorf("document %s: a conflict from %s to %s without a rival", id, clock(x.start), clock(x.end))
		}
	}
	var want []string
	if is != nil {
		for _, c := range is.chunks {
			want = append(want, c.Text)
		}
	}
	found, err := store.Search(m.t.Context(), "t", direction(0), 100, 100, rag.Filter{DocumentID: id})
	if err != nil {
		m.t.Fatal(err)
	}
	var got []string
	for _, p := range found.Passages {
		got = append(got, p.Text)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		m.t.Errorf("document %s: a search finds %d chunks, want the %d of version %q", id, len(got), len(want), d.Version)
	}
	if left := m.stored(id); !slices.Equal(left, want) {
		m.t.Errorf("document %s: %d chunks are stored, want %d: something is left over, or lost", id, len(left), len(want))
	}
}

// undone tells whether a put that was made may have been deleted or replaced since.
func (m *model) undone(x *deed) bool {
	for _, y := range m.deeds {
		if y != x && y.id == x.id && (y.end.IsZero() || y.end.After(x.start) || y.done) {
			return true
		}
	}
	return false
}

// rival tells whether another deed, or a late request of one, was under way with this one.
func (m *model) rival(x *deed) bool {
	for _, y := range m.deeds {
		if y != x && y.id == x.id && y.start.Before(x.end) && (y.end.IsZero() || y.end.Add(time.Minute).After(x.start)) {
			return true
		}
	}
	return false
}

// readable checks what a search gave while others wrote: of each document the
// chunks of one version, and all that there is of them.
func (m *model) readable(passages []rag.Passage) {
	versions := map[string]string{}
	for _, p := range passages {
		version, _, _ := strings.Cut(p.Text, " ")
		if version == "text" { // of rag.Embed, which tells no version
			continue
		}
		if v := versions[p.DocumentID]; v != "" && v != version {
			m.t.Errorf("a search gave chunks of two versions of %s: %s and %s", p.DocumentID, v, version)
		}
		versions[p.DocumentID] = version
	}
}

// stored are the texts of the document's chunks in the table.
func (m *model) stored(id string) []string {
	var out []string
	for _, i := range itemsIn(m.t, m.db, "chunk#t#"+id) {
		out = append(out, i["text"])
	}
	slices.Sort(out)
	return out
}

// itemsIn are those of a partition of the table: the texts of their attributes.
func itemsIn(t *testing.T, db *DB, pk string) []map[string]string {
	t.Helper()
	answer, err := operations["Query"](db, t.Context(), `{"TableName":"ragtime","KeyConditionExpression":"pk = :pk","ExpressionAttributeValues":{":pk":{"S":"`+pk+`"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	var found struct{ Items []map[string]map[string]any }
	if err := json.Unmarshal(answer, &found); err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, i := range found.Items {
		texts := map[string]string{}
		for name, v := range i {
			for _, x := range v {
				texts[name] = fmt.Sprint(x)
			}
		}
		out = append(out, texts)
	}
	return out
}

// entries are those of what is due, in whatever partition.
func entries(t *testing.T, db *DB) (keys []string) {
	t.Helper()
	for n := range adapter.DuePartitions {
		for _, i := range itemsIn(t, db, fmt.Sprintf("sweep#%d", n)) {
			keys = append(keys, i["sk"])
		}
	}
	return keys
}

// settleAll lists until nothing is due any more. A list looks into one partition.
func settleAll(t *testing.T, db *DB, s store, tenant string) {
	t.Helper()
	for vain := 0; len(entries(t, db)) > 0; vain++ {
		before := len(entries(t, db))
		if _, _, err := s.List(t.Context(), tenant, 1, ""); err != nil {
			t.Fatal(err)
		}
		if len(entries(t, db)) < before {
			vain = 0
		}
		if vain == 40*adapter.DuePartitions {
			t.Fatalf("lists settle nothing of what is due: %v at %d", entries(t, db), time.Now().Unix())
		}
	}
}

func clock(at time.Time) string { return at.Format("15:04:05.000") }

// direction is one of many unit vectors, of which none is far from another.
func direction(i int) []float32 {
	v := make([]float32, ragtest.Dimensions)
	v[0] = 1
	v[1+i%(len(v)-1)] = float32(i+1) / 100
	return v
}

// killed is the end of a process, which some call brings about.
type killed struct {
	cancel context.CancelFunc
	mu     sync.Mutex
	over   bool
}

func (k *killed) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
	k.cancel()
}

func (k *killed) is() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.over
}

type store = *adapter.Table

// process is the adapter in a process of its own, which k ends; nil for nobody.
func (m *model) process(k *killed) store {
	cfg := config("http://dynamodb", nil)
	cfg.HTTPClient = smithyhttp.ClientDoFunc((&unreliable{m, k, m.n(2 * kinds)}).RoundTrip)
	cfg.APIOptions = append(cfg.APIOptions, lean)
	return adapter.New(cfg, "ragtime")
}

// lean leaves of the SDK's way of a request what writes it and reads the answer.
// The rest, such as finding the endpoint and signing, is most of a schedule's time.
func lean(s *middleware.Stack) error {
	write, ok := s.Serialize.Get("OperationSerializer")
	read, also := s.Deserialize.Get("OperationDeserializer")
	if !ok || !also {
		return errors.New("the SDK calls its serializer by another name")
	}
	s.Initialize.Clear()
	s.Build.Clear()
	s.Finalize.Clear()
	s.Serialize.Clear()
	s.Deserialize.Clear()
	return errors.Join(s.Serialize.Add(write, middleware.After), s.Deserialize.Add(read, middleware.After))
}

// unreliable is the way of a process to DynamoDB.
type unreliable struct {
	m       *model
	process *killed
	kind    int // of all faults that its calls meet; at random for each where it is no kind
}

const kinds = 8

// errLost is an error that wire knows, so that the call is tried again.
var errLost = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

func (u *unreliable) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	effect := func() *http.Response {
		again := r.Clone(context.Background())
		again.Body = io.NopCloser(bytes.NewReader(body))
		w := httptest.NewRecorder()
		u.m.db.ServeHTTP(w, again)
		return w.Result()
	}
	if u.process != nil && u.process.is() {
		return nil, errLost
	}
	time.Sleep(time.Duration(1+u.m.n(20)) * time.Millisecond)
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	if u.process == nil || !u.m.happens(u.m.faulty) {
		return effect(), nil
	}
	kind := u.kind
	if kind >= kinds {
		kind = u.m.n(kinds)
	}
	switch kind {
	case 0: // lost before
		return nil, errLost
	case 1: // lost after
		effect()
		return nil, errLost
	case 2:
		return exception(http.StatusInternalServerError, "InternalServerError"), nil
	case 3:
		return exception(http.StatusBadRequest, "ThrottlingException"), nil
	case 4: // in part
		if operation(r) == "BatchWriteItem" {
			w := httptest.NewRecorder()
			r.Body = io.NopCloser(bytes.NewReader(body))
			(&partial{DB: u.m.db}).ServeHTTP(w, r)
			return w.Result(), nil
		}
		return exception(http.StatusBadRequest, "ProvisionedThroughputExceededException"), nil
	case 5, 6: // it takes effect long after its attempt was given up
		wait := time.Duration(u.m.n(60_000)) * time.Millisecond
		u.m.late.Go(func() {
			time.Sleep(wait)
			effect()
		})
	default: // the process is killed, before or after the effect
		if u.m.happens(0.5) {
			effect()
		}
		u.process.kill()
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func exception(status int, name string) *http.Response {
	w := httptest.NewRecorder()
	refuse(w, status, name)
	return w.Result()
}
