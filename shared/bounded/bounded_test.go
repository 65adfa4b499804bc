package bounded_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ragtime/shared/bounded"
	"ragtime/shared/fault"
)

const limit = 8 << 20

// doer is a Doer that answers with what it returns.
type doer func() *http.Response

func (d doer) Do(*http.Request) (*http.Response, error) { return d(), nil }

func ok(body io.Reader, length int64) doer {
	return func() *http.Response {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: length}
	}
}

func get(t *testing.T, ctx context.Context, d doer) *http.Response {
	t.Helper()
	r, _ := http.NewRequestWithContext(ctx, "POST", "https://aws.test", nil)
	resp, err := bounded.New(d, limit).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestLimit(t *testing.T) {
	tests := []struct {
		name         string
		size, length int64
		ok           bool
	}{
		{"small", 1000, 1000, true},
		{"small, of unknown length", 1000, -1, true},
		{"as large as may be", limit, limit, true},
		{"as large as may be, of unknown length", limit, -1, true},
		{"larger", limit + 1, limit + 1, false},
		{"larger, of unknown length", limit + 1, -1, false},
		{"endless", 1 << 40, -1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := get(t, t.Context(), ok(io.LimitReader(zeros{}, tt.size), tt.length))
			defer resp.Body.Close()
			n, err := io.Copy(io.Discard, resp.Body)
			if tt.ok && (err != nil || n != tt.size) {
				t.Errorf("read %d bytes, %v; want %d", n, err, tt.size)
			}
			if f := fault.From(err); !tt.ok &&
				(f == nil || f.Kind != fault.Upstream || !strings.Contains(f.Detail, "larger than 8 MiB") || n > limit+64<<10) {
				t.Errorf("read %d bytes, %v; want a fault at 8 MiB", n, err)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Only one large answer is decoded at a time, small ones at any time. Waiting for that ends
// with the context.
func TestOneDecodesAtATime(t *testing.T) {
	for _, length := range []int64{1 << 20, -1} {
		t.Run(strconv.FormatInt(length, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := get(t, t.Context(), ok(bytes.NewReader(make([]byte, 1<<20)), length))
				if _, err := io.ReadAll(first.Body); err != nil {
					t.Fatal(err)
				}
				little := get(t, t.Context(), ok(strings.NewReader("{}"), -1))
				if got, err := io.ReadAll(little.Body); err != nil || string(got) != "{}" {
					t.Errorf("a small answer beside it: %q, %v", got, err)
				}
				little.Body.Close()

				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, fault.New(fault.Timeout, "over"))
				defer cancel()
				second := get(t, ctx, ok(bytes.NewReader(make([]byte, 1<<20)), length))
				_, err := io.ReadAll(second.Body)
				if f := fault.From(err); f == nil || f.Detail != "over" {
					t.Errorf("the second one ended with %v, want its context's cause", err)
				}
				second.Body.Close()

				third := get(t, t.Context(), ok(bytes.NewReader(make([]byte, 1<<20)), length))
				done := make(chan error)
				go func() { _, err := io.ReadAll(third.Body); done <- err }()
				synctest.Wait()
				select {
				case err := <-done:
					t.Errorf("the third one did not wait: %v", err)
				default:
				}
				first.Body.Close()
				first.Body.Close() // twice is once
				if err := <-done; err != nil {
					t.Error(err)
				}
				third.Body.Close()
			})
		})
	}
}

// All large answers together have a limit. Each releases its part, however it ends.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			hold, release := io.Pipe()
			var held []*http.Response
			for range 3 { // 3 times 8 MiB are all there is
				resp := get(t, t.Context(), ok(hold, limit))
				go resp.Body.Read(make([]byte, 1))
				held = append(held, resp)
			}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			resp := get(t, ctx, ok(bytes.NewReader(make([]byte, 1<<20)), 1<<20))
			if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("read beyond the room: %v", err)
			}
			resp.Body.Close()
			cancel()
			for _, h := range held {
				h.Body.Close()
			}
			release.Close()
			synctest.Wait()
			resp = get(t, t.Context(), ok(bytes.NewReader(make([]byte, limit)), limit))
			if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != limit {
				t.Errorf("then read %d bytes, %v", n, err)
			}
			resp.Body.Close()
		}
	})
}

// An error's body is cut where it takes too long, or has too many bytes.
func TestErrors(t *testing.T) {
	answer := func(body io.ReadCloser) doer {
		return func() *http.Response {
			return &http.Response{StatusCode: 503, Header: http.Header{}, Body: body, ContentLength: -1}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go w.Write([]byte(`{"__type":"Thr`))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		resp := get(t, ctx, answer(r))
		if got, err := io.ReadAll(resp.Body); resp.StatusCode != 503 || string(got) != `{"__type":"Thr` || err != nil {
			t.Errorf("got %d %q, %v", resp.StatusCode, got, err)
		}
		if d := time.Since(start); d != 50*time.Millisecond {
			t.Errorf("waited %v for the body, want half of what was left", d)
		}
	})
	resp := get(t, t.Context(), answer(io.NopCloser(zeros{})))
	if n, err := io.Copy(io.Discard, resp.Body); n != 64<<10 || err != nil {
		t.Errorf("read %d bytes of an endless error, %v", n, err)
	}
}
