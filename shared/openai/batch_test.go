package openai_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ragtime/shared/chunk"
	"ragtime/shared/fault"
)

// The API's limits of one request.
const (
	maxBatchInputs = 2048
	maxBatchTokens = 300_000
)

// answerWell puts a text's length into its vector, so that each vector shows which text it
// belongs to.
func TestBatches(t *testing.T) {
	many := make([]string, 2*maxBatchInputs+1)
	for i := range many {
		many[i] = strings.Repeat("a", i%97+1)
	}
	long := make([]string, 60) // about 7000 tokens each: over 300,000 together
	for i := range long {
		long[i] = strings.Repeat("a b ", 3500) + strings.Repeat("c", i)
	}
	tests := []struct {
		name  string
		texts []string
		want  int // batches
	}{
		{"one", many[:1], 1},
		{"as many as one request takes", many[:maxBatchInputs], 1},
		{"one more", many[:maxBatchInputs+1], 2},
		{"three requests", many, 3},
		{"by tokens", long, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, e := serve(t, model, answerWell)
			got, tokens, err := embed(t, time.Minute, e, tt.texts...)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				if int(v[0]) != len(tt.texts[i]) {
					t.Fatalf("vector %d is of a text with %v bytes, want %d", i, v[0], len(tt.texts[i]))
				}
			}
			if len(got) != len(tt.texts) || tokens != len(tt.texts) {
				t.Errorf("got %d vectors and %d tokens, want %d of both", len(got), tokens, len(tt.texts))
			}
			batches := map[string]bool{} // a slow machine makes second attempts, which repeat a batch
			for i, r := range s.requests() {
				batches[strings.Join(r.Input, " ")] = true
				n := 0
				for _, text := range r.Input {
					n += chunk.Count(text)
				}
				if len(r.Input) > maxBatchInputs || n > maxBatchTokens {
					t.Errorf("request %d has %d inputs and %d tokens, over the API's limits", i, len(r.Input), n)
				}
			}
			if n := len(batches); n != tt.want {
				t.Errorf("got %d batches, want %d", n, tt.want)
			}
		})
	}
}

// One batch that fails ends the call, which returns nothing of the others.
func TestOneBatchFails(t *testing.T) {
	texts := make([]string, maxBatchInputs+1)
	for i := range texts {
		texts[i] = "a"
	}
	_, e := serve(t, model, func(w http.ResponseWriter, n int, r request) {
		if len(r.Input) == 1 {
			respond(401, `{}`)(w, n, r)
			return
		}
		answerWell(w, n, r)
	})
	got, tokens, err := embed(t, time.Minute, e, texts...)
	wantFault(t, err, fault.Upstream, "the API key was refused")
	if got != nil || tokens != 0 {
		t.Errorf("got %d vectors and %d tokens with an error, want none", len(got), tokens)
	}
}
