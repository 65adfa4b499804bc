package dynamo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	adapter "ragtime/shared/dynamo"
	"ragtime/shared/fault"
	"ragtime/shared/rag"
)

// The rules of the protocol of a put (docs/design.md), one race each: a call is
// lost, held up or repeated at the one place where the rule is needed. Time is virtual.
// `go run ./local/dynamo/mutate` breaks the rules and shows that these tests fail.

// bench is a table and the processes that use it.
type bench struct {
	*testing.T
	db    *DB
	sound *adapter.Table // meets no fault
}

func onBench(t *testing.T, test func(*testing.T, bench)) {
	t.Helper()
	log := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(log)
	synctest.Test(t, func(t *testing.T) {
		b := bench{T: t, db: open(t, "")}
		b.sound = b.process(call.arrive)
		if _, err := operations["CreateTable"](b.db, t.Context(), passagesRequest()); err != nil {
			t.Fatal(err)
		}
		test(t, b)
	})
}

// call is one on its way to DynamoDB, and the move of the protocol that it is.
type call struct {
	ctx  context.Context
	move string
	db   *DB
	raw  *http.Request
	body []byte
}

// arrive lets the call take effect. It may arrive again, and when nobody waits any more.
func (r call) arrive() (*http.Response, error) {
	again := r.raw.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(r.body))
	w := httptest.NewRecorder()
	r.db.ServeHTTP(w, again)
	return w.Result(), nil
}

// unanswered lets the call take effect and loses its answer.
func (r call) unanswered() (*http.Response, error) {
	r.arrive()
	return nil, errLost
}

func (r call) lost() (*http.Response, error) { return nil, errLost }

// killed ends the process with this call.
func (r call) killed() (*http.Response, error) {
	<-r.ctx.Done()
	return nil, r.ctx.Err()
}

// record is of calls that arrive again later.
type record struct {
	mu    sync.Mutex
	calls []call
}

func (r *record) add(c call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

func (r *record) arrive() {
	for _, c := range r.calls {
		c.arrive()
	}
}

// process is the adapter in a process whose calls meet decides on.
func (b bench) process(meet func(call) (*http.Response, error)) *adapter.Table {
	cfg := config("http://dynamodb", nil)
	cfg.HTTPClient = smithyhttp.ClientDoFunc(func(raw *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(raw.Body)
		time.Sleep(5 * time.Millisecond)
		return meet(call{raw.Context(), moveOf(operation(raw), string(body)), b.db, raw, body})
	})
	cfg.APIOptions = append(cfg.APIOptions, lean)
	return adapter.New(cfg, "ragtime")
}

// moveOf names a call as docs/design.md does.
func moveOf(operation, body string) string {
	has := func(s string) bool { return strings.Contains(body, s) }
	switch {
	case operation == "BatchWriteItem" && has(`"sweep#`) && has("PutRequest"):
		return "enter"
	case operation == "BatchWriteItem" && has(`"sweep#`):
		return "cross out"
	case operation == "BatchWriteItem" && has("PutRequest"):
		return "write"
	case operation == "BatchWriteItem":
		return "sweep"
	case operation == "UpdateItem" && has(`"begun"`) && has(`"document_id"`):
		return "mark"
	case operation == "UpdateItem" && has(`"title"`) && has(`"ready"`):
		return "switch"
	case operation == "UpdateItem" && has(`"title"`):
		return "bury"
	case operation == "UpdateItem" && has(`"status"`):
		return "drop marks"
	case operation == "UpdateItem":
		return "put out"
	case operation == "Query" && has(`"sweep#`):
		return "read what is due"
	case operation == "Query" && has(`"chunk#`):
		return "read chunks"
	}
	return operation
}

// at does what is said with the calls of one move, and lets the others arrive.
func at(move string, do func(call) (*http.Response, error)) func(call) (*http.Response, error) {
	return func(r call) (*http.Response, error) {
		if r.move == move {
			return do(r)
		}
		return r.arrive()
	}
}

// meanwhile does something else before the first call of a move arrives.
func meanwhile(move string, do func()) func(call) (*http.Response, error) {
	var begun atomic.Bool
	done := make(chan struct{})
	return at(move, func(r call) (*http.Response, error) {
		if begun.CompareAndSwap(false, true) {
			do()
			close(done)
		}
		<-done // an attempt beside the first one comes no earlier
		return r.arrive()
	})
}

// put makes a version of the document a, of so many chunks.
func (b bench) put(s *adapter.Table, v stored) error {
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
	defer cancel()
	return s.Replace(ctx, "t", v.Document, v.chunks)
}

func (b bench) remove(s *adapter.Table) error {
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
	defer cancel()
	return s.Delete(ctx, "t", "a")
}

// made puts a version, which must not fail.
func (b bench) made(after string, chunks int) stored {
	b.Helper()
	v := version(b.T, after, chunks)
	if err := b.put(b.sound, v); err != nil {
		b.Fatal(err)
	}
	return v
}

func (b bench) removed() {
	b.Helper()
	if err := b.remove(b.sound); err != nil {
		b.Fatal(err)
	}
}

// failed puts a version, which must fail as that kind of fault.
func (b bench) failed(kind fault.Kind, v stored, meet func(call) (*http.Response, error)) {
	b.Helper()
	if f := fault.From(b.put(b.process(meet), v)); f == nil || f.Kind != kind {
		b.Fatalf("got error %v of a put, want %v: the test tests nothing", f, kind)
	}
}

// item is the document a's.
func (b bench) item() map[string]string {
	b.Helper()
	for _, i := range itemsIn(b.T, b.db, "doc#t") {
		return i
	}
	return nil
}

// chunks are the sort keys of those of the document a.
func (b bench) chunks() (keys []string) {
	for _, i := range itemsIn(b.T, b.db, "chunk#t#a") {
		keys = append(keys, i["sk"])
	}
	return keys
}

// wantCurrent checks that the version is there, whole; nil is no document.
func (b bench) wantCurrent(v *stored) {
	b.Helper()
	d, err := b.sound.Get(b.Context(), "t", "a")
	if f := fault.From(err); f != nil && f.Kind != fault.NotFound {
		b.Fatal(err)
	}
	if v == nil {
		if d.Version != "" {
			b.Errorf("version %s is current, want no document", d.Version)
		}
		return
	}
	if d.Version != v.Version {
		b.Errorf("version %q is current, want %s", d.Version, v.Version)
	}
	var want []string
	for i := range v.chunks {
		want = append(want, fmt.Sprintf("%s#%06d", v.Version, i))
	}
	got := slices.DeleteFunc(b.chunks(), func(key string) bool { return !strings.HasPrefix(key, v.Version) })
	if !slices.Equal(got, want) {
		b.Errorf("%d chunks of the current version are there, want %d", len(got), len(want))
	}
}

// wantOnly checks that nothing is left beside the version: no chunk, no mark.
func (b bench) wantOnly(v *stored) {
	b.Helper()
	b.wantCurrent(v)
	left := slices.DeleteFunc(b.chunks(), func(key string) bool { return v != nil && strings.HasPrefix(key, v.Version) })
	if len(left) > 0 {
		b.Errorf("%d chunks are left over: %v", len(left), left)
	}
	i := b.item()
	for name := range i {
		if strings.HasPrefix(name, "put#") || strings.HasPrefix(name, "out#") {
			b.Errorf("the mark %s is left over", name)
		}
	}
	if len(i) > 0 && (i["expires_at"] == "") != (i["status"] == "ready") {
		b.Errorf("the item is %s, and expires at %q", i["status"], i["expires_at"])
	}
}

// search meets whatever is there.
func (b bench) search() {
	b.Helper()
	if _, err := b.sound.Search(b.Context(), "t", direction(0), 100, 100, rag.Filter{}); err != nil {
		b.Fatal(err)
	}
}

// list does so often enough to look into every partition of what is due.
func (b bench) list(s *adapter.Table) {
	for range 12 * adapter.DuePartitions {
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		s.List(ctx, "t", 1, "") // where it fails to settle is the test's subject
		cancel()
	}
}

// killedPut leaves a version with its mark and all of its chunks.
func (b bench) killedPut(v stored) {
	b.Helper()
	b.failed(fault.Timeout, v, func(r call) (*http.Response, error) {
		if r.move == "switch" || r.move == "put out" {
			return r.killed()
		}
		return r.arrive()
	})
}

// settled lets the time come when what is left is due, and has lists settle it.
func (b bench) settled() {
	b.Helper()
	time.Sleep(20 * time.Minute)
	settleAll(b.T, b.db, b.sound, "t")
}

// The moves of a put that replaces another, where nothing goes wrong. A test that
// makes each of its writes fail (TestStoreCrash) has to know them.
func TestMovesOfAPut(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		old := b.made("", 50)
		var sent record
		err := b.put(b.process(func(r call) (*http.Response, error) {
			sent.add(r)
			return r.arrive()
		}), version(t, old.Version, 49))
		if err != nil {
			t.Fatal(err)
		}
		var moves []string
		writes := 0
		for _, c := range sent.calls {
			moves = append(moves, c.move)
			if isWrite(c.raw) {
				writes++
			}
		}
		want := "enter, mark, write, write, switch, read chunks, read chunks, sweep, sweep, read what is due"
		if got := strings.Join(moves, ", "); got != want || writes != sound || moves[toSwitch-1] != "switch" {
			t.Errorf("got %d writes and the moves\n\t%s\nwant %d and\n\t%s", writes, got, sound, want)
		}
	})
}

// What nothing goes wrong with leaves nothing to settle.
func TestNothingIsDue(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		v := b.made("", 30)
		b.wantOnly(&v)
		time.Sleep(2 * time.Hour)
		if err := b.put(b.sound, v); err != nil {
			t.Errorf("got %v of a put of the version that is there", err)
		}
		v = b.made(v.Version, 5)
		b.wantOnly(&v)
		time.Sleep(2 * time.Hour)
		b.removed()
		b.wantOnly(nil)
		if left := entries(t, b.db); len(left) > 0 {
			t.Errorf("%v is due", left)
		}
	})
}

// A put that is overtaken before it begins writes no chunk.
func TestOvertakenAtTheMark(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		old := version(t, "", 40)
		time.Sleep(time.Second)
		v := b.made("", 5)
		b.failed(fault.Conflict, old, at("write", func(r call) (*http.Response, error) {
			t.Error("chunks are written of a version that cannot be current")
			return r.arrive()
		}))
		b.settled()
		b.wantOnly(&v)
	})
}

// A put that is overtaken after it began is refused, though its mark is still there.
func TestOvertakenAtTheSwitch(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		first := b.made("", 3)
		v := version(t, first.Version, 40)
		time.Sleep(time.Second)
		later := version(t, v.Version, 5)
		b.failed(fault.Conflict, v, meanwhile("switch", func() {
			if err := b.put(b.process(at("read chunks", call.killed)), later); err != nil {
				t.Error(err)
			}
		}))
		b.wantCurrent(&later)
		b.settled()
		b.wantOnly(&later)
	})
}

// Who puts again what a killed process began sweeps at once what that has left.
func TestPutAgain(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		killed := version(t, "", 60)
		b.killedPut(killed)
		v := b.made(killed.Version, 60)
		b.wantOnly(&v)
	})
}

// What is settled while a put is under way does not make its document expire.
func TestSettledBesideAPut(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		b.killedPut(version(t, "", 60))
		time.Sleep(20 * time.Minute)
		v := version(t, "", 5)
		if err := b.put(b.process(meanwhile("switch", func() { b.list(b.sound) })), v); err != nil {
			t.Fatal(err)
		}
		b.wantOnly(&v)
	})
}

// Everything that was sent for a put arrives once more, when that put is long over:
// it changes nothing, and what it leaves is gone when no more can come.
func TestEverythingArrivesAgain(t *testing.T) {
	ahead := rag.NewVersion(fmt.Sprintf("%012x-0", time.Date(2000, 1, 1, 0, 0, 20, 0, time.UTC).UnixMilli())) // the time in a bubble is the year 2000's
	for _, tt := range []struct {
		name  string
		after string // what the version of the put sorts after
		move  string // at which its calls are
		meet  func(call) (*http.Response, error)
		then  func(b bench) *stored // what is current in the end; nil for none
	}{
		{"of a put that is made", "", "", nil, nil},
		{"of a put that is made, its entry too", "", "enter", call.arrive, nil},
		{"of a put that was replaced", "", "", nil, func(b bench) *stored { v := b.made("", 3); return &v }},
		{"of a put that was deleted", "", "", nil, func(b bench) *stored { b.removed(); return nil }},
		{"of a put that failed", "", "switch", call.lost, func(b bench) *stored { return nil }},
		{"of a put that was killed, and put out by a search", "", "switch", call.killed, func(b bench) *stored {
			time.Sleep(time.Minute)
			b.search()
			return nil
		}},
		{"of a put that was killed, and deleted by a slower clock", ahead, "switch", call.killed, func(b bench) *stored { b.removed(); return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBench(t, func(t *testing.T, b bench) {
				var sent record
				v := version(t, tt.after, 40)
				meet := func(r call) (*http.Response, error) {
					if r.move == "mark" || r.move == "write" || r.move == "switch" || r.move == "enter" && tt.move == "enter" {
						sent.add(r)
					}
					if r.move == tt.move {
						return tt.meet(r)
					}
					return r.arrive()
				}
				if err := b.put(b.process(meet), v); (err != nil) != (tt.move == "switch") {
					t.Fatalf("got error %v of the put", err)
				}
				want := &v
				if tt.then != nil {
					want = tt.then(b)
				}
				time.Sleep(time.Second)
				sent.arrive()
				b.wantCurrent(want)
				b.settled()
				b.wantOnly(want)
			})
		})
	}
}

// The switch took effect, and no answer of it came: the put asks, and learns that it was made.
func TestUnansweredSwitch(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		v := version(t, b.made("", 30).Version, 40)
		if err := b.put(b.process(at("switch", call.unanswered)), v); err != nil {
			t.Errorf("got %v of a put that was made", err)
		}
		if i := b.item(); i["out#"+v.Version] != "" {
			t.Errorf("the item is %v: what is current is said to be out", i)
		}
		b.wantCurrent(&v)
	})
}

// Where that question has no answer either, what may be current is not deleted.
func TestUnansweredQuestion(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		v := version(t, b.made("", 30).Version, 40)
		b.failed(fault.Unavailable, v, func(r call) (*http.Response, error) {
			switch r.move {
			case "switch":
				return r.unanswered()
			case "put out":
				return r.lost()
			}
			return r.arrive()
		})
		b.wantCurrent(&v)
	})
}

// A put that failed puts its version out, and takes its chunks back at once.
func TestFailedPutTidies(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		v := version(t, "", 40)
		b.failed(fault.Unavailable, v, at("switch", call.lost))
		i := b.item()
		if i["put#"+v.Version] != "" || i["out#"+v.Version] == "" || len(b.chunks()) > 0 {
			t.Errorf("got %d chunks and the item %v, want none, and the version out", len(b.chunks()), i)
		}
		b.settled()
		b.wantOnly(nil)
	})
}

// A put that is made leaves no mark, whatever becomes of its sweep: the version
// would be put out when the mark lapses.
func TestSwitchDropsItsMark(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		v := version(t, b.made("", 30).Version, 40)
		if err := b.put(b.process(at("read chunks", call.killed)), v); err != nil {
			t.Fatal(err)
		}
		if i := b.item(); i["put#"+v.Version] != "" {
			t.Errorf("the item is %v, want no mark", i)
		}
		b.settled()
		b.wantOnly(&v)
	})
}

// What a process that is killed leaves is gone when it is due, though no search meets it.
func TestKilledProcesses(t *testing.T) {
	for _, move := range []string{"write", "switch", "put out"} {
		t.Run("a put at "+move, func(t *testing.T) {
			onBench(t, func(t *testing.T, b bench) {
				old := b.made("", 30)
				b.failed(fault.Timeout, version(t, old.Version, 60), func(r call) (*http.Response, error) {
					if r.move == move || move == "put out" && r.move == "switch" {
						return r.killed()
					}
					return r.arrive()
				})
				b.settled()
				b.wantOnly(&old)
			})
		})
	}
	t.Run("a delete at its sweep", func(t *testing.T) {
		onBench(t, func(t *testing.T, b bench) {
			b.made("", 30)
			time.Sleep(2 * time.Hour) // its entry is settled
			settleAll(t, b.db, b.sound, "t")
			if err := b.remove(b.process(at("sweep", call.killed))); err == nil {
				t.Fatal("the delete did not fail; the test tests nothing")
			}
			b.settled()
			b.wantOnly(nil)
		})
	})
}

// A put that is under way is nobody's left-over: not a search's that meets it, not
// that of a put of another version beside it, nor of one that read the item before it began.
func TestPutUnderWayIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(b bench, old stored)
	}{
		{"a search", func(b bench, _ stored) { b.search() }},
		{"a put of an earlier version", func(b bench, old stored) {
			v := version(b.T, "", 5)
			v.Version = strings.Replace(old.Version, "-", "-f", 1) // between the two
			if err := b.put(b.sound, v); err != nil {
				b.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBench(t, func(t *testing.T, b bench) {
				old := b.made("", 3)
				v := version(t, rag.NewVersion(old.Version), 40)
				if err := b.put(b.process(meanwhile("switch", func() { tt.do(b, old) })), v); err != nil {
					t.Errorf("got %v of a put that nobody is a rival of", err)
				}
				b.wantCurrent(&v)
				b.settled()
				b.wantOnly(&v)
			})
		})
	}
	t.Run("a sweep that has read the item before", func(t *testing.T) {
		onBench(t, func(t *testing.T, b bench) {
			old := b.made("", 3)
			first := version(t, old.Version, 5)
			time.Sleep(time.Second)
			second := version(t, first.Version, 40)
			if err := b.put(b.process(meanwhile("read chunks", func() {
				if err := b.put(b.sound, second); err != nil {
					t.Error(err)
				}
			})), first); err != nil {
				t.Fatal(err)
			}
			b.wantCurrent(&second)
			b.settled()
			b.wantOnly(&second)
		})
	})
}

// A version that its put said nothing more of is put out by the search that meets it,
// once its time is over. Until then it may be made.
func TestLapsedPut(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		old := b.made("", 3)
		v := version(t, old.Version, 60)
		b.killedPut(v)
		b.search()
		if b.item()["put#"+v.Version] == "" {
			t.Error("the version is out before its time is over by every clock")
		}
		time.Sleep(time.Minute)
		b.search()
		if i := b.item(); i["put#"+v.Version] != "" || i["out#"+v.Version] == "" {
			t.Errorf("the item is %v, want the version out", i)
		}
		if n := len(b.chunks()); n != 3 {
			t.Errorf("%d chunks are there, want the 3 of the old version", n)
		}
		b.settled()
		b.wantOnly(&old)
	})
}

// What a put or delete sent may arrive for 15 minutes after it. So an entry that is
// settled before would be settled too early.
func TestLateBatch(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		old := b.made("", 3)
		var late record
		b.failed(fault.Unavailable, version(t, old.Version, 60), func(r call) (*http.Response, error) {
			switch r.move {
			case "write":
				late.add(r)
				return r.arrive()
			case "switch":
				return r.lost()
			}
			return r.arrive()
		})
		time.Sleep(14 * time.Minute)
		b.list(b.sound)
		late.arrive()
		b.settled()
		b.wantOnly(&old)
	})
}

// A version that was current for a moment, between what a delete read and what it
// wrote, is what the delete has replaced: its late batches leave nothing.
func TestDeleteBesideAPut(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		old := b.made("", 3)
		time.Sleep(2 * time.Hour) // nothing of it can come any more
		settleAll(t, b.db, b.sound, "t")
		v := version(t, old.Version, 40)
		var late record
		writer := b.process(func(r call) (*http.Response, error) {
			if r.move == "write" {
				late.add(r)
			}
			return r.arrive()
		})
		time.Sleep(time.Second)
		if err := b.remove(b.process(meanwhile("bury", func() {
			if err := b.put(writer, v); err != nil {
				t.Error(err)
			}
		}))); err != nil {
			t.Fatal(err)
		}
		b.wantCurrent(nil)
		late.arrive()
		b.settled()
		b.wantOnly(nil)
	})
}

// Nothing is deleted by a tombstone that is earlier than what it would delete.
func TestDeleteBesideALaterPut(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		old := b.made("", 3)
		v := version(t, rag.NewVersion(fmt.Sprintf("%012x-0", time.Now().Add(20*time.Second).UnixMilli())), 5)
		err := b.remove(b.process(meanwhile("bury", func() {
			if err := b.put(b.sound, v); err != nil {
				t.Error(err)
			}
		})))
		if f := fault.From(err); f == nil || f.Kind != fault.Conflict || old.Version > v.Version {
			t.Errorf("got %v of a delete that was overtaken, want a conflict", err)
		}
		b.wantCurrent(&v)
		b.settled()
		b.wantOnly(&v)
	})
}

// Who settles what is due has not settled it if his sweep fails, or if the document
// became another one's meanwhile.
func TestSettlesAgain(t *testing.T) {
	killedPut := func(b bench) {
		b.killedPut(version(b.T, "", 60))
		time.Sleep(20 * time.Minute)
	}
	for _, move := range []string{"read chunks", "sweep", "drop marks", "put out"} {
		t.Run(move+" fails", func(t *testing.T) {
			onBench(t, func(t *testing.T, b bench) {
				killedPut(b)
				b.list(b.process(at(move, call.lost)))
				b.settled()
				b.wantOnly(nil)
			})
		})
	}
	t.Run("a put is made meanwhile", func(t *testing.T) {
		onBench(t, func(t *testing.T, b bench) {
			killedPut(b)
			v := version(t, "", 5)
			b.list(b.process(meanwhile("drop marks", func() {
				// Its sweep fails, so that the mark is the settling one's to drop.
				if err := b.put(b.process(at("read chunks", call.lost)), v); err != nil {
					t.Error(err)
				}
			})))
			b.settled()
			b.wantOnly(&v)
		})
	})
}

// What the sweep of a put leaves is deleted when it is due, however old it is.
func TestSweepOfAPutFails(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		old := b.made("", 30)
		time.Sleep(2 * time.Hour)
		settleAll(t, b.db, b.sound, "t")
		v := version(t, old.Version, 5)
		if err := b.put(b.process(at("sweep", call.lost)), v); err != nil {
			t.Fatal(err)
		}
		b.settled()
		b.wantOnly(&v)
	})
}

// A document item may have expired before what it was about is settled.
func TestItemExpiresFirst(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(b bench)
	}{
		{"of a killed put", func(b bench) { b.killedPut(version(b.T, "", 60)) }},
		{"of a killed delete", func(b bench) {
			b.made("", 30)
			b.remove(b.process(at("sweep", call.killed)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBench(t, func(t *testing.T, b bench) {
				tt.leave(b)
				time.Sleep(48 * time.Hour)
				if _, err := operations["BatchWriteItem"](b.db, t.Context(),
					`{"RequestItems":{"ragtime":[{"DeleteRequest":{"Key":{"pk":{"S":"doc#t"},"sk":{"S":"a"}}}}]}}`); err != nil {
					t.Fatal(err)
				}
				b.settled()
				b.wantOnly(nil)
			})
		})
	}
}

// A sweep deletes while it reads: many left-overs, read slowly, are fewer each time.
func TestSweepMakesProgress(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		v := version(t, "", 600)
		for i := range v.chunks {
			v.chunks[i].Text = strings.Repeat("x", 10_000) // a page of the table has a hundred
		}
		b.killedPut(v)
		time.Sleep(20 * time.Minute)
		slow := b.process(at("read chunks", func(r call) (*http.Response, error) {
			time.Sleep(300 * time.Millisecond)
			return r.arrive()
		}))
		settleAll(t, b.db, slow, "t")
		b.wantOnly(nil)
	})
}

// What a tenant who never comes back has left is settled by others.
func TestTenantWhoNeverComesBack(t *testing.T) {
	onBench(t, func(t *testing.T, b bench) {
		b.killedPut(version(t, "", 60))
		time.Sleep(20 * time.Minute)
		settleAll(t, b.db, b.sound, "another tenant")
		b.wantOnly(nil)
	})
}
