package openai

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

// chatFault is how a chat completion fails, for valid requests. A nil function means
// that there is no failure.
type chatFault struct {
	stream func(*call) // with streaming
	whole  func(*call) // without
}

type chatFaultKey struct{}

// faultOf returns the fault that a request meets; the zero value if none.
func faultOf(r *http.Request) chatFault {
	f, _ := r.Context().Value(chatFaultKey{}).(chatFault)
	return f
}

// chatKind returns a fault of chat completions. It does not affect other requests.
func chatKind(name, meaning string, phase fault.Phase, stream, whole func(*call)) network.Kind {
	f := chatFault{stream, whole}
	return network.Kind{Name: name, Meaning: meaning, Phase: phase, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chatFaultKey{}, f)))
		})
	}}
}

// keepAliveInterval is the time between keep-alives and between empty deltas. It is
// shorter than any limit for silence.
const keepAliveInterval = 100 * time.Millisecond

// chatFailures returns the ways in which a chat completion fails. Where a stream lacks
// something in its middle, an answer without streaming lacks it in its JSON.
func chatFailures() []network.Kind {
	const receive = fault.PhaseReceive
	return []network.Kind{
		chatKind("chat-silent-start", "the header and the role come, and no text", receive,
			inOrder((*call).beginStream, (*call).waitForClient),
			inOrder((*call).sendHeader, (*call).waitForClient)),
		chatKind("chat-silent-middle", "half of the text comes, then nothing", receive,
			inOrder((*call).streamHalf, (*call).waitForClient),
			inOrder((*call).sendHalfJSON, (*call).waitForClient)),
		chatKind("chat-keep-alive", "keep-alives come, and no text", receive,
			inOrder((*call).sendStreamHeader, (*call).streamKeepAlives),
			inOrder((*call).sendHeader, (*call).sendSpaces)),
		chatKind("chat-keep-alive-middle", "half of the text comes, then keep-alives", receive,
			inOrder((*call).streamHalf, (*call).streamKeepAlives),
			inOrder((*call).sendHalfJSON, (*call).sendSpaces)),
		chatKind("chat-empty-deltas", "events without text come", receive,
			inOrder((*call).beginStream, (*call).streamEmptyDeltas),
			inOrder((*call).sendHeader, (*call).sendSpaces)),
		chatKind("chat-slow", "one token a second", receive,
			atTokenASecond((*call).streamAll),
			atTokenASecond((*call).sendWhole)),
		chatKind("chat-endless", "text comes as fast as it is taken, without end", receive,
			inOrder((*call).beginStream, (*call).streamEndless),
			(*call).sendEndless),
		chatKind("chat-cut", "half of the text comes, then the stream ends without [DONE]", "",
			inOrder((*call).streamHalf, stop),
			inOrder((*call).sendHalfJSON, stop)),
		chatKind("chat-broken", "half of the text comes, then the connection or the stream is reset", "",
			inOrder((*call).streamHalf, abort),
			inOrder((*call).sendHalfJSON, abort)),
		chatKind("chat-no-done", "all of the text comes and why it ends, but no [DONE]", "",
			func(c *call) {
				c.completed = c.beginStream() && c.sendTexts(c.pieces) && c.sendDelta(map[string]any{}, c.finish)
			},
			nil),
		chatKind("chat-no-finish", "all of the text comes, but not why it ends", "",
			(*call).streamWithoutFinish,
			sendWithout("finish_reason")),
		chatKind("chat-error-start", "an error comes in the first text's place", "",
			inOrder((*call).beginStream, (*call).streamError),
			(*call).sendError),
		chatKind("chat-error-middle", "half of the text comes, then an error", "",
			inOrder((*call).streamHalf, (*call).streamError),
			(*call).sendError),
		chatKind("chat-garbage", "half of the text comes, then an event that is no JSON, then the rest", "",
			(*call).streamGarbage,
			func(c *call) { c.sendRaw(`{"id":`) }),
		chatKind("chat-tool-call", "a call of a tool that nobody offered comes in the text's place", "",
			(*call).streamToolCall,
			(*call).sendToolCall),
		chatKind("chat-refusal", "a refusal comes in the text's place", "",
			(*call).streamRefusal,
			(*call).sendRefusal),
		chatKind("chat-content-filter", "half of the text comes, then finish_reason content_filter", "",
			streamHalfUntil("content_filter"),
			sendHalfUntil("content_filter")),
		chatKind("chat-length", "half of the text comes, then finish_reason length", "",
			streamHalfUntil("length"),
			sendHalfUntil("length")),
		chatKind("chat-empty", "no text comes, then finish_reason stop", "",
			inOrder((*call).beginStream, func(c *call) { c.endStream("stop", c.usage()) }),
			func(c *call) { c.sendCompletion(map[string]any{"content": ""}, "stop", c.usage()) }),
		chatKind("chat-usage-missing", "all but the usage", "",
			func(c *call) {
				if c.beginStream() && c.sendTexts(c.pieces) {
					c.endStream(c.finish, nil)
				}
			},
			sendWithout("usage")),
		chatKind("chat-other-form", "JSON where a stream was asked for, and a stream where it was not", "",
			(*call).sendWhole,
			(*call).streamAll),
	}
}

// inOrder returns a function that calls first, and then if first returned true.
func inOrder(first func(*call) bool, then func(*call)) func(*call) {
	return func(c *call) {
		if first(c) {
			then(c)
		}
	}
}

// stop ends the answer where it is.
func stop(*call) {}

// abort breaks the connection in HTTP/1.1, and the stream in HTTP/2.
func abort(*call) { panic(http.ErrAbortHandler) }

// atTokenASecond returns a function that calls then with a pace of one token a second.
func atTokenASecond(then func(*call)) func(*call) {
	return func(c *call) {
		c.pace = 1
		then(c)
	}
}

// firstHalf returns half of the text, at least one piece.
func (c *call) firstHalf() []piece { return c.pieces[:max(len(c.pieces)/2, min(1, len(c.pieces)))] }

// streamHalf streams half of the text.
func (c *call) streamHalf() bool { return c.beginStream() && c.sendTexts(c.firstHalf()) }

// sendHeader sends the header of an answer without streaming.
func (c *call) sendHeader() bool {
	c.w.WriteHeader(http.StatusOK)
	return c.control.Flush() == nil
}

// sendHalfJSON sends the first half of an answer's JSON. The whole answer is billed.
func (c *call) sendHalfJSON() bool {
	text, ok := c.produceAll(c.pieces)
	if !ok {
		return false
	}
	body, err := json.Marshal(c.completion(map[string]any{"content": text}, c.finish, c.usage()))
	return err == nil && c.sendRaw(string(body[:len(body)/2]))
}

// repeat sends a text again and again until the client leaves.
func (c *call) repeat(text string) {
	for c.sendRaw(text) && c.wait(keepAliveInterval) {
	}
}

func (c *call) streamKeepAlives() { c.repeat(": keep-alive\n\n") }

// sendSpaces sends what servers use as keep-alives without streaming.
func (c *call) sendSpaces() { c.repeat(" ") }

func (c *call) streamEmptyDeltas() {
	for c.sendDelta(map[string]any{"content": ""}, nil) && c.wait(keepAliveInterval) {
	}
}

// streamEndless sends text without end, and bills it.
func (c *call) streamEndless() {
	for c.sendTexts([]piece{{" and so on", 3}}) {
	}
}

func (c *call) sendEndless() {
	ok := c.sendRaw(`{"choices":[{"message":{"content":"`)
	for p := (piece{" and so on", 3}); ok && c.produce(p); {
		ok = c.sendRaw(p.text)
	}
}

// serverError is an error as OpenAI sends it in a stream.
var serverError = map[string]any{"error": map[string]any{
	"message": "The server had an error while processing your request. Sorry about that!",
	"type":    "server_error",
	"param":   nil,
	"code":    nil,
}}

func (c *call) streamError() { c.sendData(serverError) }

// sendError sends an error with status 200, as gateways do that have sent the header before.
func (c *call) sendError() {
	if c.sendHeader() {
		json.NewEncoder(c.w).Encode(serverError)
	}
}

func (c *call) streamGarbage() {
	half := c.firstHalf()
	if c.beginStream() && c.sendTexts(half) && c.sendRaw("data: {\"id\":\n\n") && c.sendTexts(c.pieces[len(half):]) {
		c.endStream(c.finish, c.usage())
	}
}

// streamWithoutFinish streams the text without a finish_reason.
func (c *call) streamWithoutFinish() {
	if c.beginStream() && c.sendTexts(c.pieces) {
		c.completed = c.sendRaw("data: [DONE]\n\n")
	}
}

// sendWithout returns a function that sends an answer without a member.
func sendWithout(member string) func(*call) {
	return func(c *call) {
		text, ok := c.produceAll(c.pieces)
		if !ok {
			return
		}
		out := c.completion(map[string]any{"content": text}, c.finish, c.usage())
		delete(out, member)
		delete(out["choices"].([]any)[0].(map[string]any), member)
		c.completed = json.NewEncoder(c.w).Encode(out) == nil
	}
}
