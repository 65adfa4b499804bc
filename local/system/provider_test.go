package system_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ragtime/local/network"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// Real function processes use APIs that are nearly OpenAI's. They cope with what can be
// coped with, and name the rest at once.
func TestProviders(outer *testing.T) {
	t := outer
	root := systemtest.Build(t)
	var long strings.Builder // more than ten chunks, none like another
	for i := range 800 {
		fmt.Fprintf(&long, "Sentence %d of the policy fills a chunk, more or less. ", i)
	}
	tests := []struct {
		provider, settings string
		faults             []string
		put                bool // the request is a put; else a retrieval
		status             int
		detail             string
	}{
		{"gemini", "", []string{"index-0-left-out", "refuses-base64", "refuses-dimensions"}, true, 200, ""},
		{"vllm", "", []string{"refuses-dimensions", "usage-with-point"}, true, 200, ""},
		{"ollama", "", []string{"numbers", "usage-as-text"}, true, 200, ""},
		{"tei", "", []string{"no-index", "usage-missing", "refuses-dimensions"}, true, 200, ""},
		{"dashscope", "", []string{"ten-inputs", "refuses-base64"}, true, 200, ""},
		{"openai", "inputs=10", []string{"ten-inputs"}, true, 200, ""},
		{"openai", "", []string{"ten-inputs"}, true, 502, "answered 400 (code InvalidParameter): check that RAGTIME_PROVIDER"},
		{"openai", "", []string{"refuses-dimensions"}, false, 502, "answered 400 (type BadRequestError): check that RAGTIME_PROVIDER"},
		{"openai", "", []string{"refuses-base64"}, false, 502, "answered 400 (type INVALID_ARGUMENT): check that RAGTIME_PROVIDER"},
		{"openai", "", []string{"unauthorized-text"}, false, 502, "the API key was refused (401)"},
		{"openai", "", []string{"unauthorized-hangs"}, false, 502, "the API key was refused (401)"},
		{"openai", "", []string{"rate-limited-hangs"}, false, 429, "rate limit reached"},
		{"openai", "", []string{"server-error-hangs"}, false, 503, "answered 500"},
		{"openai", "", []string{"server-error-text"}, false, 503, "answered 500"},
		{"openai", "", []string{"too-large-text"}, false, 502, "answered 413: the request is too large for it"},
		{"openai", "", []string{"unavailable-long"}, false, 503, "answered 503"},
		{"openai", "", []string{"billing-not-active"}, false, 429, "not active"},
		{"openai", "", []string{"moved"}, false, 502, `a redirect to "https://elsewhere.test"`},
		{"openai", "", []string{"huge-numbers"}, false, 502, "larger than the embeddings that were asked for can be"},
		{"openai", "", []string{"gzip-bomb"}, false, 502, "larger than the embeddings that were asked for can be"},
	}
	systems := map[[2]string]*system.System{}
	for _, tt := range tests {
		for _, fault := range tt.faults {
			t.Run(tt.provider+" "+tt.settings+" "+fault, func(t *testing.T) {
				key := [2]string{tt.provider, tt.settings}
				if systems[key] == nil {
					systems[key] = systemtest.Start(outer, system.Options{Root: root, Provider: tt.provider, Settings: tt.settings})
				}
				s := systems[key]
				if err := s.Network.Host("openai").Set(network.Fault{Name: fault}); err != nil {
					t.Fatal(err)
				}
				method := "POST"
				path := "/retrieve"
				body := `{"query":"what fills a chunk?"}`
				if tt.put {
					b, _ := json.Marshal(map[string]string{"text": long.String()})
					method = "PUT"
					path = "/documents/" + fault
					body = string(b)
				}
				var answer struct {
					Detail           string
					Chunks, Embedded int
				}
				start := time.Now()
				status := call(t, method, s.URL+path, body, &answer)
				if status != tt.status || !strings.Contains(answer.Detail, tt.detail) {
					t.Errorf("answered %d %+v, want %d with %q", status, answer, tt.status, tt.detail)
				}
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("took %v, want a second or two", took)
				}
				if tt.status == http.StatusOK && (answer.Chunks < 11 || answer.Embedded != answer.Chunks) {
					t.Errorf("%+v: want more than ten chunks, each embedded", answer)
				}
			})
		}
	}
}

// With another model, its dimensions are those of the table and of the requests.
func TestParameters(t *testing.T) {
	s := systemtest.Start(t, system.Options{
		Root: systemtest.Build(t),
		Parameters: map[string]string{
			"EmbeddingModel":      "text-embedding-3-large",
			"EmbeddingDimensions": "512",
		},
	})
	if status := put(t, s.URL, "doc", "The vault opens at noon."); status != http.StatusOK {
		t.Errorf("put answered %d", status)
	}
	if got := retrieve(t, s.URL, "when does the vault open?", 1); len(got.Passages) != 1 {
		t.Errorf("found %d passages, want the document's", len(got.Passages))
	}
}
