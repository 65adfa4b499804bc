package openai_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/deadline"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
	"ragtime/shared/openai"
	"ragtime/shared/provider"
	"ragtime/shared/rag"
	"ragtime/shared/wire"
)

// chat is a server of chat completions; talk writes the n-th answer.
type chat struct {
	*httptest.Server
	talk func(say func(event string), n int, r *http.Request)

	mu   sync.Mutex
	got  []map[string]any
	keys []string
}

func (c *chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var asked map[string]any
	json.Unmarshal(body, &asked)
	c.mu.Lock()
	c.got = append(c.got, asked)
	c.keys = append(c.keys, r.Header.Get("Authorization")+r.Header.Get("Api-Key"))
	n := len(c.got)
	c.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	c.talk(func(event string) {
		if status, ok := strings.CutPrefix(event, "status "); ok {
			code, body, _ := strings.Cut(status, " ")
			w.Header().Set("Content-Type", "application/json")
			var s int
			fmt.Sscan(code, &s)
			w.WriteHeader(s)
			event = body
		}
		io.WriteString(w, event)
		w.(http.Flusher).Flush()
	}, n, r)
}

func (c *chat) requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.got)
}

// newTestGenerator starts a server, and makes a generator with a model for each name.
func newTestGenerator(t testing.TB, preset string, talk func(say func(string), n int, r *http.Request), names ...string) (*chat, *openai.Generator) {
	c := &chat{talk: talk}
	c.Server = httptest.NewServer(c)
	transport := wire.New(wire.Options{Limits: wire.Limits{Receive: deadline.Cap}})
	t.Cleanup(func() { transport.CloseIdleConnections(); c.Close() })
	api, err := provider.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	if api, err = api.WithBaseURL(c.URL + "/v1"); err != nil {
		t.Fatal(err)
	}
	var models []openai.Chat
	for _, name := range names {
		models = append(models, openai.Chat{API: api, Key: openai.FixedKey("sk-" + name), Model: name})
	}
	return c, openai.NewGenerator(&http.Client{Transport: transport}, 128_000, models[0], models[1:]...)
}

// generate calls Generate with a timeout of d, and returns the emitted text too.
func generate(t *testing.T, d time.Duration, g *openai.Generator) (rag.Generated, string, error) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, fault.New(fault.Timeout, "the test's limit"))
	defer cancel()
	ctx, _ = evidence.With(ctx)
	ctx, _ = evidence.Enter(ctx, fault.StepGenerate)
	var emitted strings.Builder
	out, err := g.Generate(ctx, rag.Prompt{System: "s", Messages: []rag.Message{{Role: rag.User, Content: "q"}}, MaxTokens: 100}, func(piece string) error {
		emitted.WriteString(piece)
		return nil
	})
	return out, emitted.String(), err
}

func textEvent(text string) string {
	return fmt.Sprintf("data: {\"model\":\"m-2026\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", text)
}

func finishEvent(reason string) string {
	return fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":%q}]}\n\n", reason)
}

const (
	usageEvent = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":70,\"completion_tokens\":7.0}}\n\n"
	doneEvent  = "data: [DONE]\n\n"
)

// sendAll sends all events without a pause.
func sendAll(events ...string) func(func(string), int, *http.Request) {
	return func(say func(string), _ int, _ *http.Request) {
		for _, e := range events {
			say(e)
		}
	}
}

func TestGenerate(t *testing.T) {
	paid := []rag.Paid{{Model: "m", Prompt: 70, Completion: 7}}
	refusing := `data: {"choices":[{"delta":{"refusal":"I cannot."},"finish_reason":null}]}` + "\n\n"
	tests := []struct {
		name   string
		events []string
		text   string
		finish rag.Finish
		paid   []rag.Paid
	}{
		{"as OpenAI does", []string{textEvent(""), textEvent("Hel"), textEvent("lo."), finishEvent("stop"), usageEvent, doneEvent}, "Hello.", rag.FinishStop, paid},
		{"with keep-alives", []string{": keep-alive\n\n", textEvent("Hi"), ":\n\n", finishEvent("stop"), usageEvent, doneEvent}, "Hi", rag.FinishStop, paid},
		{"without usage", []string{textEvent("Hi"), finishEvent("stop"), doneEvent}, "Hi", rag.FinishStop, nil},
		{"without the last line", []string{textEvent("Hi"), finishEvent("stop"), usageEvent}, "Hi", rag.FinishStop, paid},
		{"at the length limit", []string{textEvent("Hi"), finishEvent("length"), usageEvent, doneEvent}, "Hi", rag.FinishLength, paid},
		{"filtered", []string{textEvent("Hi"), finishEvent("content_filter"), doneEvent}, "Hi", rag.FinishFilter, nil},
		{"a refusal", []string{refusing, finishEvent("stop"), doneEvent}, "I cannot.", rag.FinishRefusal, nil},
		{"a reason that nobody knows", []string{textEvent("Hi"), finishEvent("eos"), doneEvent}, "Hi", rag.FinishStop, nil},
		{"without a reason", []string{textEvent("Hi"), doneEvent}, "Hi", rag.FinishStop, nil},
		{"usage in every event", []string{strings.Replace(textEvent("Hi"), "{", `{"usage":{"prompt_tokens":70,"completion_tokens":1},`, 1), finishEvent("stop"), usageEvent, doneEvent}, "Hi", rag.FinishStop, paid},
		{"usage that is none", []string{textEvent("Hi"), finishEvent("stop"), `data: {"choices":[],"usage":{"prompt_tokens":"many","completion_tokens":-1}}` + "\n\n", doneEvent}, "Hi", rag.FinishStop, []rag.Paid{{Model: "m"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, g := newTestGenerator(t, provider.OpenAI, sendAll(tt.events...), "m")
			got, emitted, err := generate(t, time.Minute, g)
			if err != nil {
				t.Fatal(err)
			}
			if emitted != tt.text ||
				got.Text != tt.text ||
				got.Finish != tt.finish ||
				!cmp.Equal(got.Paid, tt.paid) ||
				c.requests() != 1 {
				t.Errorf("got %+v, emitted %q, of %d requests; want %q, %s, %v", got, emitted, c.requests(), tt.text, tt.finish, tt.paid)
			}
			if c.keys[0] != "Bearer sk-m" {
				t.Errorf("got key %q", c.keys[0])
			}
		})
	}
}

// The request has only parameters that the provider knows.
func TestGenerateAsks(t *testing.T) {
	for preset, want := range map[string][]string{
		provider.OpenAI: {"max_completion_tokens", "messages", "model", "stream", "stream_options"},
		"azure":         {"max_completion_tokens", "messages", "model", "stream", "stream_options"},
		"ollama":        {"max_tokens", "messages", "model", "stream", "stream_options"},
		"tei":           {"max_tokens", "messages", "model", "stream"},
	} {
		c, g := newTestGenerator(t, preset, sendAll(textEvent("Hi"), finishEvent("stop"), doneEvent), "m")
		if _, _, err := generate(t, time.Minute, g); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(c.got[0]))); d != "" {
			t.Errorf("%s: parameters (-want +got):\n%s", preset, d)
		}
	}
}

// For each failure of a stream: how many requests there are, what is emitted, and the fault.
func TestGenerateFails(t *testing.T) {
	tests := []struct {
		name     string
		events   []string
		kind     fault.Kind
		detail   string
		emitted  string
		requests int
	}{
		{"cut before the text", nil, fault.Unavailable, "the stream ended before the text did (model m)", "", 1},
		{"cut within the text", []string{textEvent("Hel")}, fault.Unavailable, "ended before the text did", "Hel", 1},
		{"an error within the text", []string{textEvent("Hel"), `data: {"error":{"message":"HUSH","type":"server_error"}}` + "\n\n"}, fault.Unavailable, "ended with an error", "Hel", 1},
		{"an error event by name", []string{textEvent("Hel"), "event: error\n" + `data: {"error":{"message":"HUSH","type":"server_error"}}` + "\n\n"}, fault.Unavailable, "ended with an error", "Hel", 1},
		{"out of funds within", []string{`data: {"error":{"message":"HUSH","code":"insufficient_quota"}}` + "\n\n"}, fault.QuotaExhausted, "quota", "", 1},
		{"a tool call", []string{`data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"HUSH"}}]}}]}` + "\n\n"}, fault.Upstream, "called a tool", "", 1},
		{"no JSON", []string{"data: HUSH\n\n"}, fault.Upstream, "cannot be read", "", 1},
		{"no stream", []string{`status 200 {"choices":[{"message":{"content":"HUSH"}}]}`}, fault.Upstream, "no event stream", "", 1},
		{"no text", []string{textEvent(""), finishEvent("stop"), doneEvent}, fault.Upstream, "ended (stop) without a word (model m)", "", 1},
		{"thoughts alone", []string{finishEvent("length"), usageEvent, doneEvent}, fault.Upstream, "thought for all of answer_tokens", "", 1},
		{"more than was allowed", []string{textEvent(strings.Repeat("word ", 500)), textEvent(strings.Repeat("word ", 500)), finishEvent("stop"), doneEvent}, fault.Upstream, "longer than", strings.Repeat("word ", 500), 1},
		{"401", []string{`status 401 {"error":{"message":"HUSH"}}`}, fault.Upstream, "key was refused", "", 1},
		{"404", []string{`status 404 {"error":{"code":"model_not_found"}}`}, fault.Upstream, "RAGTIME_CHAT_MODEL (model m)", "", 1},
		{"500", []string{`status 500 {"error":"HUSH"}`}, fault.Unavailable, "answered 500", "", 4},
		{"429 of the account", []string{`status 429 {"error":{"code":"insufficient_quota"}}`}, fault.QuotaExhausted, "quota", "", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, g := newTestGenerator(t, provider.OpenAI, sendAll(tt.events...), "m")
			_, emitted, err := generate(t, time.Minute, g)
			f := wantFault(t, err, tt.kind, tt.detail)
			if emitted != tt.emitted ||
				c.requests() != tt.requests ||
				strings.Contains(f.Error(), "HUSH") ||
				f.Step != fault.StepGenerate {
				t.Errorf("got %q emitted of %d requests, and %v; want %q of %d", emitted, c.requests(), f, tt.emitted, tt.requests)
			}
		})
	}
}

// A model that stops writing is given up in time, whatever else its server sends.
func TestGenerateSilence(t *testing.T) {
	openai.ShortenSilence(t, 200*time.Millisecond)
	chatter := func(chatter string, first ...string) func(func(string), int, *http.Request) {
		return func(say func(string), _ int, r *http.Request) {
			for _, e := range first {
				say(e)
			}
			for tick := time.NewTicker(20 * time.Millisecond); ; {
				select {
				case <-tick.C:
					say(chatter)
				case <-r.Context().Done():
					tick.Stop()
					return
				}
			}
		}
	}
	for _, tt := range []struct {
		name string
		talk func(func(string), int, *http.Request)
	}{
		{"nothing", chatter("", textEvent("Hel"))},
		{"keep-alives", chatter(": keep-alive\n\n", textEvent("Hel"))},
		{"empty pieces", chatter(textEvent(""), textEvent("Hel"))},
		{"thoughts", chatter(`data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}`+"\n\n", textEvent("Hel"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, g := newTestGenerator(t, provider.OpenAI, tt.talk, "m")
			start := time.Now()
			_, emitted, err := generate(t, time.Minute, g)
			f := wantFault(t, err, fault.Timeout, "")
			if emitted != "Hel" ||
				c.requests() != 1 ||
				f.Phase != fault.PhaseReceive ||
				time.Since(start) > 10*time.Second {
				t.Errorf("got %q of %d requests after %v, and %+v; want an end in phase receive", emitted, c.requests(), time.Since(start), f)
			}
		})
	}
	t.Run("after the end", func(t *testing.T) {
		_, g := newTestGenerator(t, provider.OpenAI, chatter(": keep-alive\n\n", textEvent("Hi"), finishEvent("stop")), "m")
		got, _, err := generate(t, time.Minute, g)
		if err != nil || got.Text != "Hi" || got.Finish != rag.FinishStop {
			t.Errorf("got %+v and %v; want the text, which is whole", got, err)
		}
	})
}

// The second model is asked if the first one hangs before its first word, or is down. Two
// are never asked at once, and no other one is asked once text has come.
func TestGenerateFallsBack(t *testing.T) {
	healthy := sendAll(textEvent("Hi"), finishEvent("stop"), usageEvent, doneEvent)
	model := func(c *chat, n int) any { return c.got[n]["model"] }
	t.Run("down", func(t *testing.T) {
		c, g := newTestGenerator(t, provider.OpenAI, func(say func(string), n int, r *http.Request) {
			if n == 1 {
				say(`status 503 {}`)
				return
			}
			healthy(say, n, r)
		}, "first", "second")
		got, _, err := generate(t, time.Minute, g)
		if err != nil ||
			got.Text != "Hi" ||
			c.requests() != 2 ||
			model(c, 1) != "second" ||
			c.keys[1] != "Bearer sk-second" ||
			got.Paid[0].Model != "second" {
			t.Errorf("got %+v and %v of %v", got, err, c.got)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		var mu sync.Mutex
		open, most := 0, 0
		c, g := newTestGenerator(t, provider.OpenAI, func(say func(string), n int, r *http.Request) {
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			defer func() { mu.Lock(); open--; mu.Unlock() }()
			if n == 1 {
				<-r.Context().Done()
				return
			}
			healthy(say, n, r)
		}, "first", "second")
		got, _, err := generate(t, 6*time.Second, g)
		if err != nil || got.Text != "Hi" || c.requests() != 2 || most > 2 {
			t.Errorf("got %+v and %v of %v", got, err, c.got)
		}
	})
	t.Run("begins and says nothing", func(t *testing.T) {
		c, g := newTestGenerator(t, provider.OpenAI, func(say func(string), n int, r *http.Request) {
			if n == 1 {
				say(": keep-alive\n\n")
				<-r.Context().Done()
				return
			}
			healthy(say, n, r)
		}, "first", "second")
		got, _, err := generate(t, 6*time.Second, g)
		if err != nil || got.Text != "Hi" || c.requests() != 2 || model(c, 1) != "second" {
			t.Errorf("got %+v and %v of %v", got, err, c.got)
		}
	})
	t.Run("both begin and say nothing", func(t *testing.T) {
		c, g := newTestGenerator(t, provider.OpenAI, func(say func(string), n int, r *http.Request) {
			say(": keep-alive\n\n")
			<-r.Context().Done()
		}, "first", "second")
		_, _, err := generate(t, 4*time.Second, g)
		wantFault(t, err, fault.Timeout, "phase receive")
		if c.requests() != 2 {
			t.Errorf("got %d requests, want one of each model", c.requests())
		}
	})
	t.Run("hangs within its text", func(t *testing.T) {
		openai.ShortenSilence(t, 100*time.Millisecond)
		c, g := newTestGenerator(t, provider.OpenAI, func(say func(string), n int, r *http.Request) {
			say(textEvent("Hel"))
			<-r.Context().Done()
		}, "first", "second")
		_, emitted, err := generate(t, time.Minute, g)
		if err == nil || emitted != "Hel" || c.requests() != 1 {
			t.Errorf("got %q and %v of %d requests", emitted, err, c.requests())
		}
	})
}

// An error of emit ends the request to the model.
func TestGenerateAbandoned(t *testing.T) {
	gone := make(chan struct{})
	_, g := newTestGenerator(t, provider.OpenAI, func(say func(string), _ int, r *http.Request) {
		say(textEvent("Hel"))
		<-r.Context().Done()
		close(gone)
	}, "m")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, _ = evidence.With(ctx)
	ctx, _ = evidence.Enter(ctx, fault.StepGenerate)
	left := fault.New(fault.Canceled, "the client left")
	_, err := g.Generate(ctx, rag.Prompt{MaxTokens: 100}, func(string) error { return left })
	if !errors.Is(err, left) && fault.From(err).Kind != fault.Canceled {
		t.Errorf("got %v, want %v", err, left)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the call went on upstream")
	}
}
