// Package openai is an OpenAI-compatible stand-in that works offline:
//   - It makes embeddings of a text's words and, in English, of their meanings. They
//     are good enough that retrieval is useful without a key.
//   - It answers a chat with the sentences of the chat's passages that match the
//     question best.
//   - It refuses bad input as OpenAI does.
//
// Faults returns the ways in which OpenAI fails, for the network that serves it.
package openai

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody is the most that a request may have, in bytes. It is beyond every other
// limit: 2048 inputs of 8192 tokens are refused for their tokens.
const maxBody = 64 << 20

// StandIn is the handler of a stand-in. It is safe for concurrent use.
type StandIn struct {
	handler http.Handler
	pace    pace
	meter   meter
}

// API returns a stand-in for POST /v1/embeddings, POST /v1/chat/completions and GET
// /v1/models. It takes any bearer token.
func API() *StandIn {
	s := new(StandIn)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/embeddings", handleEmbeddings)
	mux.HandleFunc("POST "+chatPath, s.handleChat)
	mux.HandleFunc("GET /v1/models", listModels)
	mux.HandleFunc("/v1/embeddings", wrongMethod)
	mux.HandleFunc(chatPath, wrongMethod)
	mux.HandleFunc("/v1/models", wrongMethod)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, apiError{
			status:  http.StatusNotFound,
			message: fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.URL.Path),
			kind:    "invalid_request_error",
		})
	})
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Request-Id", requestID())
		h.Set("Openai-Version", "2020-10-01")
		h.Set("Content-Type", "application/json")
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || strings.TrimSpace(token) == "" {
			refuse(w, apiError{
				status: http.StatusUnauthorized,
				message: "You didn't provide an API key. You need to provide your API key in an Authorization header " +
					"using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
				kind: "invalid_request_error",
			})
			return
		}
		mux.ServeHTTP(w, r)
	})
	return s
}

// ServeHTTP implements http.Handler.
func (s *StandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func requestID() string {
	id := make([]byte, 16)
	rand.Read(id)
	return "req_" + hex.EncodeToString(id)
}

// apiError is a refusal in OpenAI's form.
type apiError struct {
	status  int
	message string
	kind    string // the member "type"
	param   string // "" becomes null
	code    string // "" becomes null
}

func refuse(w http.ResponseWriter, e apiError) {
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	w.WriteHeader(e.status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"message": e.message,
		"type":    e.kind,
		"param":   null(e.param),
		"code":    null(e.code),
	}})
}

func wrongMethod(w http.ResponseWriter, r *http.Request) {
	refuse(w, apiError{
		status:  http.StatusMethodNotAllowed,
		message: fmt.Sprintf("Not allowed to %s on %s.", r.Method, r.URL.Path),
		kind:    "invalid_request_error",
		code:    "method_not_supported",
	})
}

func listModels(w http.ResponseWriter, _ *http.Request) {
	var data []any
	for _, name := range []string{
		"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002", "gpt-4.1-mini",
	} {
		data = append(data, map[string]any{
			"id":       name,
			"object":   "model",
			"created":  1705948997,
			"owned_by": "ragtime",
		})
	}
	json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": data})
}

func handleEmbeddings(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	body, refused := readJSON(w, r)
	if refused != nil {
		refuse(w, *refused)
		return
	}
	req, refused := parseEmbeddings(body)
	if refused != nil {
		refuse(w, *refused)
		return
	}
	data := make([]any, len(req.texts))
	for i, t := range req.texts {
		data[i] = map[string]any{
			"object":    "embedding",
			"index":     i,
			"embedding": encode(Embed(t, req.dimensions), req.base64),
		}
	}
	setUsageHeaders(w.Header(), req.model, req.tokens, start)
	json.NewEncoder(w).Encode(map[string]any{
		"object": "list",
		"data":   data,
		"model":  req.model,
		"usage":  map[string]int{"prompt_tokens": req.tokens, "total_tokens": req.tokens},
	})
}

// readJSON reads the body of a request that must be JSON.
func readJSON(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &apiError{
			status:  http.StatusUnsupportedMediaType,
			message: "Unsupported Media Type. Send JSON with 'Content-Type: application/json'.",
			kind:    "invalid_request_error",
			code:    "unsupported_content_type",
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &apiError{
			status:  http.StatusRequestEntityTooLarge,
			message: "Request too large.",
			kind:    "invalid_request_error",
		}
	}
	return body, nil
}

// setUsageHeaders sets the headers about the model, the time since start and rate limits.
func setUsageHeaders(h http.Header, model string, tokens int, start time.Time) {
	h.Set("Openai-Model", model)
	h.Set("Openai-Processing-Ms", strconv.FormatInt(time.Since(start).Milliseconds(), 10))
	h.Set("X-Ratelimit-Limit-Requests", "3000")
	h.Set("X-Ratelimit-Remaining-Requests", "2999")
	h.Set("X-Ratelimit-Reset-Requests", "20ms")
	h.Set("X-Ratelimit-Limit-Tokens", "1000000")
	h.Set("X-Ratelimit-Remaining-Tokens", strconv.Itoa(max(0, 1_000_000-tokens)))
	h.Set("X-Ratelimit-Reset-Tokens", fmt.Sprintf("%dms", tokens*60/1000))
}
