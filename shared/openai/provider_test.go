package openai_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/fault"
	"ragtime/shared/provider"
)

// Each preset sends only the parameters that its API is known to take.
func TestRequest(t *testing.T) {
	type want struct {
		encoding   string
		dimensions *int
		azure      bool // the key is in the header api-key
	}
	all := new(dimensions)
	tests := []struct {
		preset, settings, model string
		want                    want
	}{
		{"openai", "", model, want{"base64", all, false}},
		{"openai", "", "text-embedding-ada-002", want{"base64", nil, false}},
		{"openai", "dimensions=no,encoding=none", model, want{"", nil, false}},
		{"azure", "", "my-deployment", want{"base64", all, true}},
		{"gemini", "", "gemini-embedding-001", want{"", nil, false}},
		{"gemini", "dimensions=yes", "gemini-embedding-001", want{"", all, false}},
		{"dashscope", "", "text-embedding-v4", want{"float", all, false}},
		{"vllm", "", "BAAI/bge-m3", want{"base64", nil, false}},
		{"ollama", "", "nomic-embed-text", want{"base64", nil, false}},
		{"tei", "", "any", want{"", nil, false}},
		{"tei", "encoding=base64,key_header=api-key", "any", want{"base64", nil, true}},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.preset] = true
		t.Run(tt.preset+" "+tt.settings, func(t *testing.T) {
			s, e := serveAs(t, tt.preset, tt.settings, tt.model, answerWell)
			if _, _, err := embed(t, time.Minute, e, "one", "two"); err != nil {
				t.Fatal(err)
			}
			expected := []request{{Input: []string{"one", "two"}, Model: tt.model, EncodingFormat: tt.want.encoding, Dimensions: tt.want.dimensions}}
			if d := cmp.Diff(expected, s.requests()); d != "" {
				t.Errorf("requests (-want +got):\n%s", d)
			}
			bearer, azure := "Bearer sk-test", ""
			if tt.want.azure {
				bearer, azure = "", "sk-test"
			}
			if s.auth != bearer || s.azure != azure {
				t.Errorf("got Authorization %q and api-key %q, want %q and %q", s.auth, s.azure, bearer, azure)
			}
			if s.url != "/v1/embeddings?api-version=2024-10-21" {
				t.Errorf("got URL %q, want the base URL's query kept", s.url)
			}
		})
	}
	for _, name := range provider.Names() {
		if !seen[name] {
			t.Errorf("preset %s has no case", name)
		}
	}
}

// More texts than one request may have are sent in several.
func TestInputsARequest(t *testing.T) {
	tests := []struct {
		preset, settings string
		texts, requests  int
	}{
		{"openai", "", 250, 1},
		{"gemini", "", 250, 3},
		{"tei", "", 64, 2},
		{"dashscope", "", 21, 3},
		{"dashscope", "inputs=25", 25, 1},
		{"openai", "tokens=2", 5, 3}, // each text is one token
	}
	for _, tt := range tests {
		s, e := serveAs(t, tt.preset, tt.settings, model, answerWell)
		texts := make([]string, tt.texts)
		for i := range texts {
			texts[i] = strings.Repeat("a", i%8+1)
			if tt.settings == "tokens=2" {
				texts[i] = "a"
			}
		}
		got, _, err := embed(t, time.Minute, e, texts...)
		if err != nil || len(got) != tt.texts {
			t.Fatalf("%s %s: %d vectors, %v", tt.preset, tt.settings, len(got), err)
		}
		for i, v := range got {
			if int(v[0]) != len(texts[i]) {
				t.Errorf("%s %s: vector %d is of another text", tt.preset, tt.settings, i)
			}
		}
		if n := len(s.requests()); n != tt.requests {
			t.Errorf("%s %s: %d requests for %d texts, want %d", tt.preset, tt.settings, n, tt.texts, tt.requests)
		}
	}
}

// A redirect is not followed. The detail names the host it points to, since the API usually
// is there, but not the rest of its URL.
func TestRedirectIsNotFollowed(t *testing.T) {
	for location, want := range map[string]string{
		"https://new.example:8443/v1/embeddings?key=sk-1": `a redirect to "https://new.example:8443" that is not followed`,
		"/v1/embeddings": "a redirect that is not followed",
		"":               "a redirect that is not followed",
	} {
		for _, status := range []int{301, 302, 307, 308} {
			s, e := serve(t, model, firstThen(respond(status, "", "Location", location), answerWell))
			_, _, err := embed(t, time.Minute, e, "a")
			f := wantFault(t, err, fault.Upstream, want)
			if n := len(s.requests()); n != 1 || strings.Contains(f.Detail, "sk-1") {
				t.Errorf("%d: got %d requests and detail %q, want 1: the key must not travel", status, n, f.Detail)
			}
		}
	}
}

// A key that cannot be sent in a header fails without a request, and once.
func TestKeyThatCannotBeSent(t *testing.T) {
	for _, key := range []string{"sk-1\n", "sk 1", "sk-\u00e9", `{"OPENAI_API_KEY": "sk-1"}`} {
		s, e := serveWith(t, key, provider.OpenAI, "", model, answerWell)
		_, _, err := embed(t, time.Minute, e, "a")
		f := wantFault(t, err, fault.Upstream, "the API key has a space, a line break")
		if n := len(s.requests()); n != 0 || len(f.Attempts) != 1 {
			t.Errorf("key %q: %d requests and %d attempts, want none and one", key, n, len(f.Attempts))
		}
	}
}
