package openai_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	api "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/provider"
	"ragtime/shared/rag"
)

// benchTokens is how many pieces a measured stream has.
const benchTokens = 2000

// BenchmarkStream reads streams with plain openai-go and with the Generator in turn. It
// reports the time to the first piece, and for each piece after it.
func BenchmarkStream(b *testing.B) {
	pieces := make([]string, 0, benchTokens+2)
	for range benchTokens {
		pieces = append(pieces, textEvent(" word"))
	}
	c, g := newTestGenerator(b, provider.OpenAI, sendAll(append(pieces, finishEvent("stop"), doneEvent)...), "m")
	client := api.NewClient(option.WithBaseURL(c.URL+"/v1/"), option.WithAPIKey("sk"), option.WithHTTPClient(&http.Client{Transport: &http.Transport{}}))
	type times struct{ first, rest time.Duration }
	plain := func() (t times) {
		start := time.Now()
		s := client.Chat.Completions.NewStreaming(b.Context(), api.ChatCompletionNewParams{Model: "m", Messages: []api.ChatCompletionMessageParamUnion{api.UserMessage("q")}})
		n := 0
		for s.Next() {
			if e := s.Current(); len(e.Choices) > 0 && e.Choices[0].Delta.Content != "" {
				if n++; n == 1 {
					t.first = time.Since(start)
				}
			}
		}
		t.rest = time.Since(start) - t.first
		if s.Err() != nil || n != benchTokens {
			b.Fatal(n, s.Err())
		}
		return t
	}
	ours := func() (t times) {
		ctx, cancel := context.WithTimeoutCause(b.Context(), time.Minute, fault.New(fault.Timeout, "the benchmark's limit"))
		defer cancel()
		ctx, _ = evidence.With(ctx)
		ctx, _ = evidence.Enter(ctx, fault.StepGenerate)
		start := time.Now()
		n := 0
		_, err := g.Generate(ctx, rag.Prompt{Messages: []rag.Message{{Role: rag.User, Content: "q"}}, MaxTokens: 9999}, func(string) error {
			if n++; n == 1 {
				t.first = time.Since(start)
			}
			return nil
		})
		t.rest = time.Since(start) - t.first
		if err != nil || n != benchTokens {
			b.Fatal(n, err)
		}
		return t
	}
	plain() // connections are made before
	ours()
	var of [2]times
	n := 0
	for b.Loop() {
		for i, read := range []func() times{plain, ours} {
			t := read()
			of[i].first += t.first
			of[i].rest += t.rest
		}
		n++
	}
	for i, name := range []string{"openai-go", "generator"} {
		b.ReportMetric(float64(of[i].first.Microseconds())/float64(n), name+"-first-µs")
		b.ReportMetric(float64(of[i].rest.Microseconds())/float64(n)/benchTokens, name+"-µs/piece")
	}
}
