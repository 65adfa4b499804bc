package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// rest makes every connection of the pool that much older, as a freeze does: the wall
// clock went on, and nothing else.
func rest(tr *Transport, d time.Duration) {
	tr.pool.mu.Lock()
	defer tr.pool.mu.Unlock()
	for _, conns := range tr.pool.idle {
		for _, c := range conns {
			c.used = c.used.Add(-d)
		}
	}
}

// resting waits until the pool has that many connections.
func resting(t *testing.T, tr *Transport, want int) {
	t.Helper()
	for range 500 {
		tr.pool.mu.Lock()
		n := 0
		for _, conns := range tr.pool.idle {
			n += len(conns)
		}
		tr.pool.mu.Unlock()
		if n == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the pool never had %d connections", want)
}

// ask makes an attempt of a call and reads its answer.
func ask(ctx context.Context, tr *Transport, number int, url string) (body string, phases []fault.Phase, connection string, err error) {
	ctx, record := evidence.With(ctx)
	ctx, _ = evidence.Enter(ctx, fault.StepEmbed)
	ctx, a := evidence.NewAttempt(ctx, number)
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return "", nil, "", err
	}
	resp, err := tr.RoundTrip(r)
	if err == nil {
		var b []byte
		b, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		body = string(b)
	}
	connection = a.End(err).Connection
	for _, p := range record.Snapshot().Steps[0].Attempts[0].Phases {
		phases = append(phases, p.Name)
	}
	return body, phases, connection, err
}

// conversations is a server whose connections each do as f says, and are counted.
func conversations(t *testing.T, over string, f func(number int32, c net.Conn, in *bufio.Reader)) (url string, opened *atomic.Int32) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opened = new(atomic.Int32)
	ended, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); l.Close() })
	secure := httptest.NewTLSServer(nil)
	secure.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := opened.Add(1)
			context.AfterFunc(ended, func() { c.Close() })
			if over == "https" {
				c = tls.Server(c, secure.TLS)
			}
			go f(n, c, bufio.NewReader(c))
		}
	}()
	return over + "://" + l.Addr().String(), opened
}

func answer(c net.Conn, in *bufio.Reader, with string) bool {
	if r, err := http.ReadRequest(in); err != nil || r == nil {
		return false
	}
	_, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(with), with)
	return err == nil
}

// A connection that rested is used, and one that rested for longer is not.
func TestRestedConnectionIsUsed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer s.Close()
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	for i, tt := range []struct {
		rest time.Duration
		want string
	}{{0, "new"}, {time.Second, "reused"}, {10 * time.Second, "reused"}, {50 * time.Second, "reused"}, {61 * time.Second, "new"}} {
		rest(tr, tt.rest)
		if body, phases, connection, err := ask(t.Context(), tr, 1, s.URL); err != nil || body != "hello" || connection != tt.want {
			t.Errorf("call %d, after a rest of %v: %q over a %s connection (%v, %v), want a %s one", i, tt.rest, body, connection, phases, err, tt.want)
		}
	}
}

// What must not be sent twice is not sent over a connection that may be dead: no
// other attempt could take its place in time.
func TestWhatIsSentOnceRestsOnNothing(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer s.Close()
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	for _, tt := range []struct {
		rest time.Duration
		want string
	}{{0, "new"}, {time.Second, "reused"}, {10 * time.Second, "new"}} {
		rest(tr, tt.rest)
		ctx, a := evidence.NewAttempt(t.Context(), 1)
		a.OnSend(func() error { return nil })
		resp, err := tr.RoundTrip(must(http.NewRequestWithContext(ctx, "GET", s.URL, nil)))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if got := a.End(nil).Connection; got != tt.want {
			t.Errorf("after a rest of %v: a %s connection, want a %s one", tt.rest, got, tt.want)
		}
	}
}

// When the connection that rested turns out to be dead, the second attempt has one
// that was opened beside it: it need not connect.
func TestSpareIsReadyForTheSecondAttempt(t *testing.T) {
	for _, over := range []string{"http", "https"} {
		t.Run(over, func(t *testing.T) { spareIsReady(t, over) })
	}
}

func spareIsReady(t *testing.T, over string) {
	url, opened := conversations(t, over, func(number int32, c net.Conn, in *bufio.Reader) {
		if tc, ok := c.(*tls.Conn); ok && tc.Handshake() != nil {
			return
		}
		for answered := 0; number > 1 || answered < 1; answered++ { // the first one dies after an answer
			if !answer(c, in, "hello") {
				return
			}
		}
	})
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	if _, _, _, err := ask(t.Context(), tr, 1, url); err != nil {
		t.Fatal(err)
	}
	rest(tr, 10*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	type outcome struct {
		connection string
		err        error
	}
	first := make(chan outcome, 1)
	go func() {
		_, _, connection, err := ask(ctx, tr, 1, url)
		first <- outcome{connection, err}
	}()
	resting(t, tr, 1)
	time.Sleep(20 * time.Millisecond) // for TLS's session tickets to come, which are no unasked answer
	body, phases, connection, err := ask(t.Context(), tr, 2, url)
	if err != nil || body != "hello" || connection != "new" {
		t.Errorf("the second attempt got %q over a %s connection, %v", body, connection, err)
	}
	for _, p := range phases {
		if p == fault.PhaseConnect {
			t.Errorf("the second attempt connected: phases %v", phases)
		}
	}
	cancel()
	if got := <-first; got.err == nil || got.connection != "reused" {
		t.Errorf("the first attempt ended with %v over a %s connection, want it cancelled over a reused one", got.err, got.connection)
	}
	if n := opened.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// Where the connection that rested is alive, nothing stays of the one beside it, however
// often that happens.
func TestSpareIsDroppedWhereNobodyNeedsIt(t *testing.T) {
	var spares atomic.Int32
	url, opened := conversations(t, "http", func(number int32, c net.Conn, in *bufio.Reader) {
		if number > 1 {
			spares.Add(1)
			io.Copy(io.Discard, in) // until it is closed
			spares.Add(-1)
			return
		}
		for answered := int32(0); ; answered++ {
			if r, err := http.ReadRequest(in); err != nil || r == nil {
				return
			}
			for spares.Load() < min(answered, 1) {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond) // the spare is in the pool by then
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
		}
	})
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	for i := range 4 {
		if _, _, _, err := ask(t.Context(), tr, 1, url); err != nil {
			t.Fatal(err)
		}
		resting(t, tr, 1)
		for range 500 {
			if spares.Load() == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := spares.Load(); n != 0 || opened.Load() != int32(1+i) {
			t.Errorf("call %d: %d spares are open of %d connections", i, n, opened.Load())
		}
		rest(tr, 10*time.Second)
	}
}

// A later attempt never gets a connection that carried a request, however young.
func TestLaterAttemptsGetNoneThatWasUsed(t *testing.T) {
	url, opened := conversations(t, "http", func(_ int32, c net.Conn, in *bufio.Reader) {
		for answer(c, in, "hello") {
		}
	})
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	for i := range 3 {
		if _, _, connection, err := ask(t.Context(), tr, 1+i, url); err != nil || connection != "new" {
			t.Errorf("attempt %d: %v over a %s connection, want a new one", 1+i, err, connection)
		}
	}
	if n := opened.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// Nor one that was never used, but rested: a fallback must not be what it is a fallback for.
func TestLaterAttemptsGetNoneThatRested(t *testing.T) {
	url, _ := conversations(t, "http", func(_ int32, c net.Conn, in *bufio.Reader) {
		for answer(c, in, "hello") {
		}
	})
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	for _, tt := range []struct {
		rest     time.Duration
		connects bool
	}{{time.Second, false}, {3 * time.Second, true}} {
		x := tr.newExchange(must(http.NewRequestWithContext(t.Context(), "GET", url, nil)), evidence.Current(t.Context()))
		if err := x.open(); err != nil {
			t.Fatal(err)
		}
		x.finish()
		rest(tr, tt.rest)
		_, phases, _, err := ask(t.Context(), tr, 2, url)
		if err != nil || slices.Contains(phases, fault.PhaseConnect) != tt.connects {
			t.Errorf("after a rest of %v: phases %v, %v; want connect among them: %t", tt.rest, phases, err, tt.connects)
		}
		tr.CloseIdleConnections()
	}
}

// An exchange ends the opening of a connection beside it, and leaves nothing.
func TestSpareEndsWithItsExchange(t *testing.T) {
	url, opened := conversations(t, "http", func(number int32, c net.Conn, in *bufio.Reader) {
		if number > 1 {
			return // takes connections, and leaves TLS unanswered
		}
		for answer(c, in, "hello") {
		}
	})
	tr := New(Options{})
	defer tr.CloseIdleConnections()
	if _, _, _, err := ask(t.Context(), tr, 1, url); err != nil {
		t.Fatal(err)
	}
	x := tr.newExchange(must(http.NewRequestWithContext(t.Context(), "GET", url, nil)), evidence.Current(t.Context()))
	if err := x.acquire(true); err != nil {
		t.Fatal(err)
	}
	x.request.URL.Scheme = "https"
	x.openSpare()
	for opened.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	x.fail(nil)
	select {
	case <-x.beside.opened:
	default:
		t.Error("the opening goes on after the exchange")
	}
	if !tr.memory.bad(x.address) {
		t.Error("an exchange that got no answer is not remembered")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
