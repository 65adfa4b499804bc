package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// beginStream begins a streaming invocation. What the test writes to the connection, the stream gives.
func beginStream(t *testing.T, ctx context.Context, s *Service, g gate) (*Stream, net.Conn) {
	t.Helper()
	payload, _ := json.Marshal(event{Do: "stream", Text: g.Addr().String()})
	stream, err := s.InvokeStream(ctx, "f", Invocation{Payload: payload})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	return stream, g.waitForHold()
}

// passPiece writes text as the function and reads it from the stream.
func passPiece(t *testing.T, stream *Stream, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(stream, got); err != nil || string(got) != text {
		t.Fatalf("read %q, %v, want %q", got, err, text)
	}
}

// waitClosed waits until the function closed its response.
func waitClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the function was not told: %v", err)
	}
}

// modes are Function.PerProcess for both ways in which a process serves.
var modes = map[string]int{"one at a time": 1, "many at once": 4}

// Each piece arrives before the function writes the next.
func TestStreamAsItComes(t *testing.T) {
	for name, perProcess := range modes {
		t.Run(name, func(t *testing.T) {
			s := start(t, Function{Concurrency: 1, PerProcess: perProcess}, Options{})
			g := newGate(t)
			pid := mustInvoke[int](t, s, event{Do: "pid"})
			for range 3 {
				stream, conn := beginStream(t, t.Context(), s, g)
				if stream.ContentType != "text/x-test" || stream.RequestID == "" || stream.TraceID == "" {
					t.Errorf("got %+v", stream)
				}
				passPiece(t, stream, conn, "one")
				passPiece(t, stream, conn, "two")
				conn.Close()
				if rest, err := io.ReadAll(stream); err != nil || len(rest) > 0 {
					t.Errorf("then read %q, %v", rest, err)
				}
				// Whoever has read the end finds the process free.
				if now := mustInvoke[int](t, s, event{Do: "pid"}); now != pid {
					t.Errorf("served by process %d, then by %d", pid, now)
				}
			}
		})
	}
}

// What ends the invocation in the middle ends its stream with an error, after what was written.
func TestStreamBroken(t *testing.T) {
	tests := []struct {
		name  string
		end   func(s *Service, conn net.Conn)
		kind  string // of the *Error; empty for ErrClosed
		limit time.Duration
	}{
		{"exit", func(_ *Service, conn net.Conn) { io.WriteString(conn, "!") }, "Runtime.ExitError", 0},
		{"error", func(_ *Service, conn net.Conn) { io.WriteString(conn, "#") }, "errorString", 0},
		{"kill", func(s *Service, _ net.Conn) { s.Environments("f")[0].Kill() }, "Runtime.ExitError", 0},
		{"timeout", func(*Service, net.Conn) {}, "Sandbox.Timedout", 3 * time.Second},
		{"close", func(s *Service, _ net.Conn) { s.Close() }, "", 0},
	}
	for name, perProcess := range modes {
		for _, tt := range tests {
			t.Run(name+" "+tt.name, func(t *testing.T) {
				s := start(t, Function{Timeout: tt.limit, PerProcess: perProcess}, Options{})
				stream, conn := beginStream(t, t.Context(), s, newGate(t))
				passPiece(t, stream, conn, "begun")
				tt.end(s, conn)
				rest, err := io.ReadAll(stream)
				failed, _ := errors.AsType[*Error](err)
				switch {
				case len(rest) > 0:
					t.Errorf("then read %q", rest)
				case tt.kind == "" && !errors.Is(err, ErrClosed):
					t.Errorf("error %v, want %v", err, ErrClosed)
				case tt.kind != "" && (failed == nil || failed.Type != tt.kind):
					t.Errorf("error %v, want %s", err, tt.kind)
				}
			})
		}
	}
}

// What the process wrote before its end is read, however late.
func TestStreamEndIsLast(t *testing.T) {
	s := start(t, Function{}, Options{})
	stream, conn := beginStream(t, t.Context(), s, newGate(t))
	passPiece(t, stream, conn, "begun")
	io.WriteString(conn, "rest")
	buf := make([]byte, 1)
	io.ReadFull(stream, buf) // the Runtime API has the rest
	s.Environments("f")[0].Kill()
	rest, err := io.ReadAll(stream)
	if _, ok := errors.AsType[*Error](err); string(buf)+string(rest) != "rest" || !ok {
		t.Errorf("read %q%q, %v", buf, rest, err)
	}
}

// The function learns that its reader has left, and its process lives on.
func TestStreamLeft(t *testing.T) {
	for name, perProcess := range modes {
		for _, by := range []string{"close", "context"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				s := start(t, Function{Concurrency: 1, PerProcess: perProcess}, Options{})
				pid := mustInvoke[int](t, s, event{Do: "pid"})
				ctx, cancel := context.WithCancel(t.Context())
				stream, conn := beginStream(t, ctx, s, newGate(t))
				passPiece(t, stream, conn, "begun")
				leave := map[string]func(){"close": func() { stream.Close() }, "context": cancel}[by]
				began := time.Now()
				leave()
				waitClosed(t, conn)
				t.Logf("told after %v", time.Since(began))
				if _, err := stream.Read(make([]byte, 1)); err == nil || by == "context" && !errors.Is(err, context.Canceled) {
					t.Errorf("reading then: %v", err)
				}
				eventually(t, "an invocation in the same process", func() bool {
					r, err := invoke(t, s, event{Do: "pid"})
					return err == nil && r.Init == 0 && json.Unmarshal(r.Payload, &pid) == nil
				})
				cancel()
			})
		}
	}
}

// One who leaves before the response began is gone when it begins.
func TestStreamLeftBefore(t *testing.T) {
	s := start(t, Function{Concurrency: 1}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	g := newGate(t)
	payload, _ := json.Marshal(event{Do: "hold, then stream", Text: g.Addr().String()})
	left := make(chan error, 1)
	go func() {
		_, err := s.InvokeStream(ctx, "f", Invocation{Payload: payload})
		left <- err
	}()
	held := g.waitForHold()
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	held.Close()
	waitClosed(t, g.waitForHold())
}

// A function waits for its reader, and nothing is lost.
func TestStreamSlowReader(t *testing.T) {
	s := start(t, Function{}, Options{})
	stream, conn := beginStream(t, t.Context(), s, newGate(t))
	passPiece(t, stream, conn, "begun")
	const enough = 150 << 20 // more than sockets hold, less than the limit
	block := bytes.Repeat([]byte("abcdefg"), 64<<10)
	sent := 0
	for sent < enough {
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := conn.Write(block)
		sent += n
		if err != nil {
			break
		}
	}
	if sent >= enough {
		t.Fatalf("the function wrote %d bytes that nobody read", sent)
	}
	t.Logf("%d bytes were on the way", sent)
	conn.Close()
	got, err := io.ReadAll(stream)
	if err != nil || len(got) != sent {
		t.Errorf("read %d bytes of %d, %v", len(got), sent, err)
	}
	for i, b := range got {
		if b != block[i%len(block)] {
			t.Fatalf("byte %d is %q", i, b)
		}
	}
}

func TestStreamLimit(t *testing.T) {
	for _, tt := range []struct {
		n    int
		kind string
	}{{maxStream, ""}, {maxStream + 1, "Function.ResponseSizeTooLarge"}} {
		s := start(t, Function{}, Options{})
		payload, _ := json.Marshal(event{Do: "flood", N: tt.n})
		stream, err := s.InvokeStream(t.Context(), "f", Invocation{Payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, stream)
		failed, _ := errors.AsType[*Error](err)
		if n != maxStream || tt.kind == "" && err != nil || tt.kind != "" && (failed == nil || failed.Type != tt.kind) {
			t.Errorf("of %d bytes read %d, %v, want error %q", tt.n, n, err, tt.kind)
		}
		stream.Close()
	}
}

// What fails before the response begins is InvokeStream's error.
func TestStreamNotBegun(t *testing.T) {
	s := start(t, Function{Concurrency: 1}, Options{})
	tests := []struct{ function, payload, kind string }{
		{"f", `{"do":"error","text":"no luck"}`, "errorString"},
		{"f", `{"do":"exit","n":1}`, "Runtime.ExitError"},
		{"f", `{`, ""},
		{"g", `{}`, ""},
	}
	for _, tt := range tests {
		_, err := s.InvokeStream(t.Context(), tt.function, Invocation{Payload: []byte(tt.payload)})
		failed, _ := errors.AsType[*Error](err)
		if err == nil || tt.kind != "" && (failed == nil || failed.Type != tt.kind) {
			t.Errorf("%s %s: error %v, want %s", tt.function, tt.payload, err, tt.kind)
		}
	}
	g := newGate(t)
	_, conn := beginStream(t, t.Context(), s, g)
	if _, err := s.InvokeStream(t.Context(), "f", Invocation{}); !errors.Is(err, ErrThrottled) {
		t.Errorf("error %v, want %v", err, ErrThrottled)
	}
	conn.Close()
}

// Both kinds of function can be invoked in both ways.
func TestStreamAndBuffer(t *testing.T) {
	s := start(t, Function{}, Options{})
	stream, err := s.InvokeStream(t.Context(), "f", Invocation{Payload: []byte(`{"do":"echo","text":"plain"}`)})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if got, err := io.ReadAll(stream); err != nil || strings.TrimSpace(string(got)) != `"plain"` {
		t.Errorf("streamed %q, %v", got, err)
	}
	g := newGate(t)
	whole := invokeAsync(t.Context(), s, event{Do: "stream", Text: g.Addr().String()})
	conn := g.waitForHold()
	io.WriteString(conn, "a piece ")
	io.WriteString(conn, "and another")
	conn.Close()
	if end := <-whole; end.err != nil || string(end.result.Payload) != "a piece and another" {
		t.Errorf("collected %q, %v", end.result.Payload, end.err)
	}
}

// A function that is in the middle of a write when its reader leaves lives on, too: its connection is not reset under it.
func TestStreamLeftWhileSending(t *testing.T) {
	s := start(t, Function{Concurrency: 1, Wait: time.Minute}, Options{})
	pid := mustInvoke[int](t, s, event{Do: "pid"})
	payload, _ := json.Marshal(event{Do: "flood", N: maxStream})
	for range 20 {
		stream, err := s.InvokeStream(t.Context(), "f", Invocation{Payload: payload})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, stream, 1<<20); err != nil {
			t.Fatal(err)
		}
		stream.Close()
		if now := mustInvoke[int](t, s, event{Do: "pid"}); now != pid {
			t.Fatalf("served by process %d, then by %d", pid, now)
		}
	}
}
