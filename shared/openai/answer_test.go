package openai_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"ragtime/shared/fault"
	"ragtime/shared/openai"
	"ragtime/shared/provider"
	"ragtime/shared/wire"
)

// endlessBody answers with begin, and then with piece again and again.
func endlessBody(begin, piece string) func(http.ResponseWriter, int, request) {
	return func(w http.ResponseWriter, _ int, _ request) {
		io.WriteString(w, begin)
		many := strings.Repeat(piece, 1+64<<10/len(piece))
		for {
			if _, err := io.WriteString(w, many); err != nil {
				return
			}
		}
	}
}

// gzipBomb answers with 64 MiB, compressed to 64 KiB.
func gzipBomb() func(http.ResponseWriter, int, request) {
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	io.WriteString(z, `{"data":[{"embedding":[0`)
	zeros := bytes.Repeat([]byte(",0"), 32<<10)
	for range 1 << 10 {
		z.Write(zeros)
	}
	z.Close()
	return respond(200, packed.String(), "Content-Encoding", "gzip")
}

// Whatever is sent, an answer to a short text takes little memory. It is given up once it is
// larger than it can need to be.
func TestAnswersWithoutMeasure(t *testing.T) {
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, int, request)
	}{
		{"numbers", endlessBody(`{"data":[{"embedding":[0`, `,0`)},
		{"a text", endlessBody(`{"data":[{"embedding":"`, `AAAA`)},
		{"a member of the embedding", endlessBody(`{"data":[{"other":"`, `x`)},
		{"depth", endlessBody(`{"data":[{"embedding":`, `[`)},
		{"depth elsewhere", endlessBody(`{"other":`, `[`)},
		{"a name", endlessBody(`{"`, `x`)},
		{"members", endlessBody(`{"a":0`, `,"a":0`)},
		{"embeddings", endlessBody(`{"data":[{"embedding":[1,0,0]}`, `,{"embedding":[1,0,0]}`)},
		{"space", endlessBody(`{`, ` `)},
		{"space at the end", endlessBody(`{"data":[{"embedding":[1,0,0]}]}`, ` `)},
		{"a gzip bomb", gzipBomb()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, e := serve(t, model, tt.answer)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := embed(t, time.Minute, e, "a")
			runtime.ReadMemStats(&after)
			wantFault(t, err, fault.Upstream, "openai: ")
			if n := len(s.requests()); n != 1 {
				t.Errorf("got %d requests, want 1: asking again does not mend a wrong answer", n)
			}
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 8 {
				t.Errorf("%d MiB were allocated, the server's included; want at most 8", grown)
			}
		})
	}
}

// The limit for a vector allows the longest way to write it.
func TestWordyAnswer(t *testing.T) {
	const long = 3072
	v := make([]float64, long)
	for i := range v {
		v[i] = -math.Pi * 1e-100
	}
	v[0] = -0.12345678901234567
	body, err := json.MarshalIndent(map[string]any{"data": []any{map[string]any{"embedding": v, "index": 0, "object": "embedding"}}}, "", "        ")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	transport := wire.New(wire.Options{})
	t.Cleanup(func() { transport.CloseIdleConnections(); s.Close() })
	api, err := provider.API{Name: "n"}.WithBaseURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	e := openai.NewEmbedder(api, &http.Client{Transport: transport}, openai.FixedKey("k"), model, long)
	got, _, err := embed(t, time.Minute, e, "a")
	if err != nil || len(got) != 1 || len(got[0]) != long {
		t.Errorf("%d bytes for %d numbers: %v", len(body), long, err)
	}
}

// An endless body, slow or fast, is given up when the context ends.
func TestDecodingMindsTheDeadline(t *testing.T) {
	_, e := serve(t, model, func(w http.ResponseWriter, _ int, r request) {
		io.WriteString(w, `{"data":[`)
		for {
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-time.After(time.Millisecond):
			case <-t.Context().Done():
				return
			}
		}
	})
	start := time.Now()
	_, _, err := embed(t, 300*time.Millisecond, e, "a")
	wantFault(t, err, fault.Timeout, "step embed did not finish")
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v, want hardly more than 0.3 s", d)
	}
}
