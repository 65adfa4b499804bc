package openai_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/fault"
)

func TestAnswersTaken(t *testing.T) {
	want := [][]float32{{1, 0, 0}, {0, 2, 0}}
	const both = `{"index":0,"embedding":[1,0,0]},{"index":1,"embedding":[0,2,0]}`
	tests := []struct{ name, body string }{
		{"index 0 left out, as Gemini does", `{"object":"list","data":[{"object":"embedding","embedding":[1,0,0]},{"embedding":[0,2,0],"index":1}],"usage":{"prompt_tokens":7}}`},
		{"no index at all", `{"data":[{"embedding":[1,0,0]},{"embedding":[0,2,0]}],"usage":{"prompt_tokens":7}}`},
		{"null index", `{"data":[{"embedding":[1,0,0],"index":null},{"embedding":[0,2,0],"index":null}],"usage":{"prompt_tokens":7}}`},
		{"usage first", `{"usage":{"prompt_tokens":7},"data":[` + both + `]}`},
		{"usage with a point", `{"data":[` + both + `],"usage":{"prompt_tokens":7.0}}`},
		{"usage as text", `{"data":[` + both + `],"usage":{"prompt_tokens":"7"}}`},
		{"only the total", `{"data":[` + both + `],"usage":{"total_tokens":7}}`},
		{"indented", "{\n  \"data\": [\n    " + strings.ReplaceAll(both, ",", ",\n        ") + "\n  ],\n \"usage\": {\"prompt_tokens\": 7}\n}\n"},
		{"members nobody knows", `{"id":"x","extra":{"deep":[[[{}]]]},"data":[` + both + `],"usage":{"prompt_tokens":7},"model":null}`},
		{"floats", `{"data":[{"index":0,"embedding":[1,0,0]},{"index":1,"embedding":[0,2,0]}],"usage":{"prompt_tokens":7}}`},
		{"base64", `{"data":[{"index":0,"embedding":"` + pack(1, 0, 0) + `"},{"index":1,"embedding":"` + pack(0, 2, 0) + `"}],"usage":{"prompt_tokens":7}}`},
		{"shuffled", `{"data":[{"index":1,"embedding":[0,2,0]},{"index":0,"embedding":"` + pack(1, 0, 0) + `"}],"usage":{"prompt_tokens":7}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, e := serve(t, model, respond(200, tt.body, "Content-Type", "application/json"))
			got, tokens, err := embed(t, time.Minute, e, "a", "b")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("vectors (-want +got):\n%s", d)
			}
			if tokens != 7 {
				t.Errorf("got %d tokens, want 7", tokens)
			}
		})
	}
}

// Vectors are used even if the usage cannot be read.
func TestUsageThatSaysNothing(t *testing.T) {
	for _, usage := range []string{``, `,"usage":null`, `,"usage":{}`, `,"usage":"none"`, `,"usage":[1]`, `,"usage":{"prompt_tokens":-1}`,
		`,"usage":{"prompt_tokens":"many"}`, `,"usage":{"prompt_tokens":1e300}`, `,"usage":{"prompt_tokens":{}}`} {
		_, e := serve(t, model, respond(200, `{"data":[{"embedding":[1,0,0]}]`+usage+`}`))
		got, tokens, err := embed(t, time.Minute, e, "a")
		if err != nil || len(got) != 1 || tokens != 0 {
			t.Errorf("%s: got %v, %d tokens, %v; want the vector and no tokens", usage, got, tokens, err)
		}
	}
}

// The request is for two vectors of three dimensions.
func TestAnswersRefused(t *testing.T) {
	data := func(a, b string) string { return `{"data":[` + a + `,` + b + `]}` }
	at := func(i int, v string) string { return fmt.Sprintf(`{"index":%d,"embedding":%s}`, i, v) }
	ok := at(0, `[1,0,0]`)
	nan := float32(math.NaN())
	inf := float32(math.Inf(1))
	const (
		format = "not what the embeddings API promises"
		index  = "indexes are not 0 to 1, once each"
		shape  = "zero or not finite"
	)
	tests := []struct{ name, body, want string }{
		{"one too few", `{"data":[` + ok + `]}`, "1 embeddings came for 2 texts"},
		{"one too many", data(ok, at(1, `[1,0,0]`)+","+at(2, `[1,0,0]`)), "more than 2 embeddings came for 2 texts"},
		{"none", `{"data":[]}`, "0 embeddings came for 2 texts"},
		{"null", `null`, format},
		{"null data", `{"data":null}`, format},
		{"no data", `{"object":"list"}`, "no embedding came for 2 texts"},
		{"index twice", data(ok, at(0, `[1,0,0]`)), index},
		{"index of the place that one without has", data(`{"embedding":[1,0,0]}`, at(0, `[1,0,0]`)), index},
		{"index out of range", data(ok, at(2, `[1,0,0]`)), index},
		{"index negative", data(ok, at(-1, `[1,0,0]`)), index},
		{"index fractional", data(ok, `{"index":0.5,"embedding":[1,0,0]}`), format},
		{"short", data(ok, at(1, `[1,0]`)), "has 2 dimensions, want 3"},
		{"long base64", data(ok, at(1, `"`+pack(1, 2, 3, 4)+`"`)), "has 4 dimensions, want 3"},
		{"empty", data(ok, at(1, `[]`)), "has 0 dimensions, want 3"},
		{"null vector", data(ok, at(1, `null`)), "has 0 dimensions, want 3"},
		{"no vector", data(ok, `{"index":1}`), "has 0 dimensions, want 3"},
		{"NaN", data(ok, at(1, `"`+pack(1, nan, 0)+`"`)), shape},
		{"Inf", data(ok, at(1, `"`+pack(1, inf, 0)+`"`)), shape},
		{"zero", data(ok, at(1, `[0,0,0]`)), shape},
		{"over float32", data(ok, at(1, `[1e39,0,0]`)), format},
		{"strings", data(ok, at(1, `["1","0","0"]`)), format},
		{"broken base64", data(ok, at(1, `"***"`)), format},
		{"base64 of 5 bytes", data(ok, at(1, `"AAAAAAA="`)), format},
		{"truncated", data(ok, at(1, `[1,0,0]`))[:40], format},
		{"HTML", `<html>Sign in to the network</html>`, format},
		{"nothing", ``, format},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, e := serve(t, model, respond(200, tt.body, "Content-Type", "application/json"))
			got, _, err := embed(t, time.Minute, e, "a", "b")
			wantFault(t, err, fault.Upstream, tt.want)
			if got != nil {
				t.Errorf("got vectors with an error: %v", got)
			}
			if n := len(s.requests()); n != 1 {
				t.Errorf("got %d requests, want 1: asking again does not mend a wrong answer", n)
			}
		})
	}
}

// wantFault checks a fault's kind, and that its detail contains a text.
func wantFault(t *testing.T, err error, kind fault.Kind, detail string) *fault.Error {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("got error %v, want a fault of kind %v", err, kind)
	}
	if f.Kind != kind || !strings.Contains(f.Detail, detail) {
		t.Errorf("got %v %q, want %v with %q", f.Kind, f.Detail, kind, detail)
	}
	return f
}

func TestCutOffInTheBody(t *testing.T) {
	s, e := serve(t, model, firstThen(respond(200, `{"data":[`, "Content-Length", "1000"), answerWell))
	if _, _, err := embed(t, time.Minute, e, "a"); err != nil {
		t.Error(err)
	}
	if n := len(s.requests()); n != 2 {
		t.Errorf("got %d requests, want 2", n)
	}
}
