package openai_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/openai"
	"ragtime/shared/provider"
	"ragtime/shared/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	dimensions = 3
	model      = "text-embedding-3-small"
)

// request is what the embedder sends.
type request struct {
	Input          []string `json:"input"`
	Model          string   `json:"model"`
	EncodingFormat string   `json:"encoding_format"`
	Dimensions     *int     `json:"dimensions"`
}

// server records requests, and answers each with answer.
type server struct {
	*httptest.Server
	answer func(w http.ResponseWriter, n int, r request)

	mu    sync.Mutex
	got   []request
	auth  string
	azure string // the header api-key
	url   string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var got request
	json.Unmarshal(body, &got)
	s.mu.Lock()
	s.got = append(s.got, got)
	s.auth = r.Header.Get("Authorization")
	s.azure = r.Header.Get("Api-Key")
	s.url = r.URL.String()
	n := len(s.got)
	s.mu.Unlock()
	s.answer(w, n, got)
}

func (s *server) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// serve starts a server, and makes an embedder for it as package clients does.
func serve(t *testing.T, model string, answer func(w http.ResponseWriter, n int, r request)) (*server, *openai.Embedder) {
	return serveAs(t, provider.OpenAI, "", model, answer)
}

// serveAs does so with a provider's preset and settings on top of it.
func serveAs(t *testing.T, preset, settings, model string, answer func(w http.ResponseWriter, n int, r request)) (*server, *openai.Embedder) {
	return serveWith(t, "sk-test", preset, settings, model, answer)
}

func serveWith(t *testing.T, key, preset, settings, model string, answer func(w http.ResponseWriter, n int, r request)) (*server, *openai.Embedder) {
	s := &server{answer: answer}
	s.Server = httptest.NewServer(s)
	transport := wire.New(wire.Options{})
	t.Cleanup(func() { transport.CloseIdleConnections(); s.Close() })
	api, err := provider.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	if api, err = api.With(settings); err != nil {
		t.Fatal(err)
	}
	if api, err = api.WithBaseURL(s.URL + "/v1?api-version=2024-10-21"); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return s, openai.NewEmbedder(api, client, openai.FixedKey(key), model, dimensions)
}

// embed embeds texts with a timeout of d, in a step as package rag does.
func embed(t *testing.T, d time.Duration, e *openai.Embedder, texts ...string) ([][]float32, int, error) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, fault.New(fault.Timeout, "the test's limit"))
	defer cancel()
	ctx, _ = evidence.With(ctx)
	ctx, _ = evidence.Enter(ctx, fault.StepEmbed)
	return e.Embed(ctx, texts)
}

// respond answers every request with a status and a body.
func respond(status int, body string, header ...string) func(http.ResponseWriter, int, request) {
	return func(w http.ResponseWriter, _ int, _ request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// firstThen answers the first request with first, and the others with later.
func firstThen(first, later func(http.ResponseWriter, int, request)) func(http.ResponseWriter, int, request) {
	return func(w http.ResponseWriter, n int, r request) {
		if n == 1 {
			first(w, n, r)
			return
		}
		later(w, n, r)
	}
}

// answerWell answers as the API does, in base64. A vector's first element is its text's length.
func answerWell(w http.ResponseWriter, _ int, r request) {
	data := []map[string]any{}
	for i, t := range r.Input {
		data = append(data, map[string]any{"index": i, "embedding": pack(float32(len(t)), 1, float32(i))})
	}
	json.NewEncoder(w).Encode(map[string]any{"data": data, "usage": map[string]any{"prompt_tokens": len(r.Input)}})
}

func pack(v ...float32) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}
