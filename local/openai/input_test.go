package openai

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/chunk"
)

func ask(t *testing.T, method, path, contentType, body string) (int, http.Header, []byte) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer any")
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	API().ServeHTTP(w, r)
	got, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Result().Header, got
}

// A text and its tokens are the same input.
func TestInputOfTokens(t *testing.T) {
	const text = "Two deductibles, 1,250 dollars each. 保険"
	ids, _, err := vocabulary().Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Data []struct {
			Embedding []float32
		}
		Usage struct {
			Prompt int `json:"prompt_tokens"`
			Total  int `json:"total_tokens"`
		}
	}
	tokens := chunk.Count(text)
	for _, tt := range []struct {
		name, input string
		inputs      int
	}{
		{"tokens", string(numbers), 1},
		{"lists of tokens", "[" + string(numbers) + "," + string(numbers) + "]", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, header, body := ask(t, "POST", "/v1/embeddings", "application/json", `{"model":"text-embedding-3-small","input":`+tt.input+`}`)
			var got answer
			if err := json.Unmarshal(body, &got); err != nil || status != 200 || len(got.Data) != tt.inputs {
				t.Fatalf("answered %d %.200s, want 200 with %d embeddings", status, body, tt.inputs)
			}
			if want := tt.inputs * tokens; got.Usage.Prompt != want || got.Usage.Total != want {
				t.Errorf("usage %+v, want %d tokens", got.Usage, want)
			}
			if got, want := header.Get("Openai-Model"), "text-embedding-3-small"; got != want {
				t.Errorf("openai-model %q, want %q", got, want)
			}
			for _, d := range got.Data {
				if diff := cmp.Diff(d.Embedding, Embed(text, 1536)); diff != "" {
					t.Errorf("got -, want the text's own embedding +:\n%s", diff)
				}
			}
		})
	}
}

func TestInputRefused(t *testing.T) {
	tooLong := "[" + strings.Repeat("1,", maxInputTokens) + "1]"
	for _, tt := range []struct {
		name, input, message string
	}{
		{"no such token", "[4294967295]", "'$.input' is invalid"},
		{"negative", "[-1]", "'$.input' is invalid"},
		{"fraction", "[1.5]", "'$.input' is invalid"},
		{"empty list of tokens", "[[]]", "'$.input' is invalid"},
		{"mixed", `[1,"a"]`, "'$.input' is invalid"},
		{"number", "1", "'$.input' is invalid"},
		{"object", "{}", "'$.input' is invalid"},
		{"too many tokens", tooLong, "you requested 8193 tokens"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := ask(t, "POST", "/v1/embeddings", "application/json", `{"model":"text-embedding-3-small","input":`+tt.input+`}`)
			if status != 400 || !strings.Contains(string(body), tt.message) {
				t.Errorf("answered %d %.300s, want 400 with %q", status, body, tt.message)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		method, path, contentType string
		status                    int
		want                      string
	}{
		{"GET", "/v1/models", "", 200, `"text-embedding-3-large"`},
		{"POST", "/v1/models", "application/json", 405, "Not allowed to POST on /v1/models."},
		{"GET", "/v1/embeddings", "", 405, "Not allowed to GET on /v1/embeddings."},
		{"GET", "/v1/models", "", 200, `"gpt-4.1-mini"`},
		{"POST", "/v1/responses", "application/json", 404, "Invalid URL (POST /v1/responses)"},
		{"POST", "/v1/embeddings", "text/plain", 415, "unsupported_content_type"},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.contentType, func(t *testing.T) {
			status, header, body := ask(t, tt.method, tt.path, tt.contentType, "{}")
			if status != tt.status || !strings.Contains(string(body), tt.want) || header.Get("X-Request-Id") == "" {
				t.Errorf("answered %d %.300s %v, want %d with %q and a request id", status, body, header, tt.status, tt.want)
			}
		})
	}
}
