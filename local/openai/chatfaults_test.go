package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/openai/openai-go/v3"

	"ragtime/local/network"
	"ragtime/shared/chunk"
)

const parking = "Parking is free [1]." // the answer of parkingMessages, in 6 tokens

var parkingMessages = conversation("user: " + sealedPassages + "Is parking free?")

// outline returns a stream in one line: role, text in quotes, finish in parentheses,
// refusal, tool, usage, error, keep-alive, [DONE]. Of a run of the same it has one.
func outline(stream string) string {
	var out []string
	text := ""
	say := func(s string) {
		if text != "" {
			out = append(out, fmt.Sprintf("%q", text))
			text = ""
		}
		if s != "" && (len(out) == 0 || out[len(out)-1] != s) {
			out = append(out, s)
		}
	}
	for block := range strings.SplitSeq(stream, "\n\n") {
		data, ok := strings.CutPrefix(block, "data: ")
		var e sdk.ChatCompletionChunk
		var failed struct{ Error struct{ Type string } }
		json.Unmarshal([]byte(data), &failed)
		switch err := json.Unmarshal([]byte(data), &e); {
		case block == "":
		case strings.HasPrefix(block, ":"):
			say("keep-alive")
		case data == "[DONE]":
			say("[DONE]")
		case !ok || err != nil:
			say("garbage")
		case failed.Error.Type != "":
			say("error " + failed.Error.Type)
		case len(e.Choices) == 0:
			say("usage")
		default:
			choice := e.Choices[0]
			text += choice.Delta.Content
			switch {
			case choice.Delta.Role != "":
				say("role")
			case choice.Delta.Refusal != "":
				say("refusal")
			case len(choice.Delta.ToolCalls) > 0:
				say("tool")
			case choice.FinishReason != "":
				say("(" + choice.FinishReason + ")")
			case choice.Delta.Content == "":
				say("empty")
			}
		}
	}
	say("")
	return strings.Join(out, " ")
}

// post sends a request with a key. It does not follow redirects.
func post(t *testing.T, transport http.RoundTripper, url, body string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, _ := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Content-Type", "application/json")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// Each fault does what its name says, with streaming and without. An answer that does
// not end is read until it has what the test wants, and must be open then.
func TestChatFaults(t *testing.T) {
	half := `"Parking is free"`
	all := `"` + parking + `"`
	tests := map[string]struct {
		stream  string // its outline
		whole   string // a part of the body
		ends    string // "" for in order, open, or broken
		tokens  int    // billed, streaming; -1 is any
		reached bool   // the request counts as completed
	}{
		"chat-silent-start":      {`role`, "", "open", 0, false},
		"chat-silent-middle":     {`role ` + half, `{"choices":[`, "open", 3, false},
		"chat-keep-alive":        {`keep-alive`, " ", "open", 0, false},
		"chat-keep-alive-middle": {`role ` + half + ` keep-alive`, `{"choices":[`, "open", 3, false},
		"chat-empty-deltas":      {`role empty`, " ", "open", 0, false},
		"chat-slow":              {`role "Parking`, "", "open", -1, false},
		"chat-endless":           {`role " and so on and so on and so on`, " and so on and so on", "open", -1, false},
		"chat-cut":               {`role ` + half, `{"choices":[`, "", 3, false},
		"chat-broken":            {`role ` + half, `{"choices":[`, "broken", 3, false},
		"chat-no-done":           {`role ` + all + ` (stop)`, all, "", 6, true},
		"chat-no-finish":         {`role ` + all + ` [DONE]`, all, "", 6, true},
		"chat-error-start":       {`role error server_error`, `{"error":{`, "", 0, false},
		"chat-error-middle":      {`role ` + half + ` error server_error`, `{"error":{`, "", 3, false},
		"chat-garbage":           {`role ` + half + ` garbage " [1]." (stop) usage [DONE]`, `{"id":`, "", 6, true},
		"chat-tool-call":         {`role tool (tool_calls) usage [DONE]`, `"tool_calls":[{`, "", 10, true},
		"chat-refusal":           {`role refusal (stop) usage [DONE]`, `"refusal":"I'm sorry`, "", chunk.Count(refusalText), true},
		"chat-content-filter":    {`role ` + half + ` (content_filter) usage [DONE]`, `"finish_reason":"content_filter"`, "", 3, true},
		"chat-length":            {`role ` + half + ` (length) usage [DONE]`, `"finish_reason":"length"`, "", 3, true},
		"chat-empty":             {`role (stop) usage [DONE]`, `"content":""`, "", 0, true},
		"chat-usage-missing":     {`role ` + all + ` (stop) [DONE]`, all, "", 6, true},
		"chat-other-form":        {`garbage`, "data: [DONE]", "", 6, true},
	}
	n, h, s := startStandIn(t)
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	const embed = `{"model":"text-embedding-3-small","input":"deductible"}`
	healthy, err := io.ReadAll(post(t, transport, h.URL()+"/v1/embeddings", embed).Body)
	if err != nil {
		t.Fatal(err)
	}
	if chunk.Count(parking) != 6 {
		t.Fatalf("the answer has %d tokens", chunk.Count(parking))
	}
	for _, k := range chatFailures() {
		tt, ok := tests[k.Name]
		if !ok {
			t.Errorf("%s has no case", k.Name)
			continue
		}
		if (k.Phase != "") != (tt.ends == "open") || k.Meaning == "" {
			t.Errorf("%s: phase %q, meaning %q", k.Name, k.Phase, k.Meaning)
		}
		if err := h.Set(network.Fault{Name: k.Name}); err != nil {
			t.Fatal(err)
		}
		for _, streams := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, streaming %v", k.Name, streams), func(t *testing.T) {
				before := s.Billed()
				options := ""
				matches := func(got string) bool { return strings.Contains(got, tt.whole) }
				if streams {
					options = `,"stream":true,"stream_options":{"include_usage":true}`
					matches = func(got string) bool {
						if tt.ends == "open" {
							return strings.HasPrefix(outline(got), tt.stream)
						}
						return outline(got) == tt.stream
					}
				}
				if k.Name == "chat-slow" && !streams {
					return // it would take 6 s to say no more
				}
				resp := post(t, transport, h.URL()+chatPath, `{"model":"gpt-4.1-mini","messages":`+parkingMessages+options+`}`)
				defer resp.Body.Close()
				var got bytes.Buffer
				var err error
				if tt.ends == "open" {
					for chunk := make([]byte, 512); err == nil && !matches(got.String()); {
						var n int
						n, err = resp.Body.Read(chunk)
						got.Write(chunk[:n])
					}
				} else {
					_, err = got.ReadFrom(resp.Body)
				}
				if resp.StatusCode != 200 || !matches(got.String()) || (err != nil) != (tt.ends == "broken") {
					t.Errorf("answered %d %s %.300q, %v; want %s", resp.StatusCode, outline(got.String()), got.String(), err, tt.stream)
				}
				if tt.ends == "open" {
					stillOpen(t, resp.Body, strings.Contains(k.Name, "silent"))
				}
				eventually(t, func() bool { return s.Billed().Open == 0 })
				after := s.Billed()
				if after.Begun != before.Begun+1 || streams && tt.tokens >= 0 && after.CompletionTokens != before.CompletionTokens+tt.tokens {
					t.Errorf("billed %+v after %+v, want %d more tokens", after, before, tt.tokens)
				}
				if reached := after.Completed > before.Completed; streams && reached != tt.reached {
					t.Errorf("completed: %v, want %v", reached, tt.reached)
				}
			})
		}
		if got, err := io.ReadAll(post(t, transport, h.URL()+"/v1/embeddings", embed).Body); err != nil || !bytes.Equal(got, healthy) {
			t.Errorf("%s: embeddings are answered with %.100s, %v", k.Name, got, err)
		}
	}
	if all := Faults(); !slices.ContainsFunc(all, func(k network.Kind) bool { return k.Name == "chat-cut" }) {
		t.Error("the chat's faults are not among the faults")
	}
}

// stillOpen checks that a body has not ended: more comes or, if it is silent, nothing
// does. Then it closes the body.
func stillOpen(t *testing.T, body io.ReadCloser, silent bool) {
	t.Helper()
	read := make(chan error, 1)
	go func() {
		_, err := body.Read(make([]byte, 512))
		read <- err
	}()
	wait := 10 * time.Second
	if silent {
		wait = 200 * time.Millisecond
	}
	select {
	case err := <-read:
		if err != nil || silent {
			t.Errorf("something came, %v; want silence: %v", err, silent)
		}
		body.Close()
	case <-time.After(wait):
		if !silent {
			t.Error("nothing came")
		}
		body.Close()
		<-read
	}
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s in vain")
		}
	}
}

// Chats meet the same refusals as embeddings. They are not billed.
func TestRefusalsOfChats(t *testing.T) {
	n, h, s := startStandIn(t)
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	for name, status := range map[string]int{
		"rate-limited":     429,
		"quota-exhausted":  429,
		"unauthorized":     401,
		"server-error":     500,
		"unavailable-long": 503,
	} {
		if err := h.Set(network.Fault{Name: name}); err != nil {
			t.Fatal(err)
		}
		resp := post(t, transport, h.URL()+chatPath, `{"model":"gpt-4.1-mini","stream":true,"messages":`+parkingMessages+`}`)
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s answered %d, want %d", name, resp.StatusCode, status)
		}
	}
	if got := s.Billed(); got != (Billed{}) {
		t.Errorf("billed %+v for refusals", got)
	}
	if err := h.Set(network.Fault{Name: "chat-cut"}); err != nil {
		t.Fatal(err)
	}
	resp := post(t, transport, h.URL()+chatPath, `{"model":"gpt-4.1-mini","messages":[]}`)
	resp.Body.Close()
	if got := s.Billed(); resp.StatusCode != 400 || got != (Billed{}) {
		t.Errorf("a bad request that meets a chat's fault is answered %d and billed %+v", resp.StatusCode, got)
	}
}
