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

const most = 8 << 20

// doer answers with a body and no length, or with one.
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
	resp, err := bounded.New(d, most).Do(r)
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
		{"as large as may be", most, most, true},
		{"as large as may be, of unknown length", most, -1, true},
		{"larger", most + 1, most + 1, false},
		{"larger, of unknown length", most + 1, -1, false},
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
			if f := fault.From(err); !tt.ok && (f == nil || f.Kind != fault.Upstream || !strings.Contains(f.Detail, "larger than 8 MiB") || n > most+64<<10) {
				t.Errorf("read %d bytes, %v; want a fault at 8 MiB", n, err)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// One large answer is decoded at a time, a small one at any time, and nobody
// waits longer than his context lasts.
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

// Large answers together have a room that is given back, however they end.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 3 {
			hold, release := io.Pipe()
			var held []*http.Response
			for range 3 { // 3 times 8 MiB are all there is
				resp := get(t, t.Context(), ok(hold, most))
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
			resp = get(t, t.Context(), ok(bytes.NewReader(make([]byte, most)), most))
			if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != most {
				t.Errorf("then read %d bytes, %v", n, err)
			}
			resp.Body.Close()
		}
	})
}

// An error's body is what came in time and in measure.
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
