package openai

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"ragtime/local/network"
	"ragtime/shared/fault"
)

// chatFault is how a chat completion fails: in a stream, and without. It is met
// by requests that are valid; nil is as it should be.
type chatFault struct {
	stream, whole func(*call)
}

type chatFaultKey struct{}

// faultOf is the fault that a request meets.
func faultOf(r *http.Request) chatFault {
	f, _ := r.Context().Value(chatFaultKey{}).(chatFault)
	return f
}

// chatKind is a fault of chat completions alone: other requests are served.
func chatKind(name, meaning string, phase fault.Phase, stream, whole func(*call)) network.Kind {
	f := chatFault{stream, whole}
	return network.Kind{Name: name, Meaning: meaning, Phase: phase, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chatFaultKey{}, f)))
		})
	}}
}

// alive is the time between keep-alives, and between empty deltas. It is shorter
// than any limit for silence.
const alive = 100 * time.Millisecond

// chatFailures are the ways in which a chat completion fails. What a stream lacks
// in its middle, an answer without streaming lacks in its JSON.
func chatFailures() []network.Kind {
	const receive = fault.PhaseReceive
	return []network.Kind{
		chatKind("chat-silent-start", "the header and the role come, and no text", receive,
			after((*call).begin, (*call).hang), after((*call).open, (*call).hang)),
		chatKind("chat-silent-middle", "half of the text comes, then nothing", receive,
			after((*call).half, (*call).hang), after((*call).halfWhole, (*call).hang)),
		chatKind("chat-keep-alive", "keep-alives come, and no text", receive,
			after((*call).header, (*call).keepAlive), after((*call).open, (*call).spaces)),
		chatKind("chat-keep-alive-middle", "half of the text comes, then keep-alives", receive,
			after((*call).half, (*call).keepAlive), after((*call).halfWhole, (*call).spaces)),
		chatKind("chat-empty-deltas", "events without text come", receive,
			after((*call).begin, (*call).emptyDeltas), after((*call).open, (*call).spaces)),
		chatKind("chat-slow", "one token a second", receive, slowly((*call).streamAll), slowly((*call).whole)),
		chatKind("chat-endless", "text comes as fast as it is taken, without end", receive,
			after((*call).begin, (*call).endless), (*call).endlessWhole),
		chatKind("chat-cut", "half of the text comes, then the stream ends without [DONE]", "",
			after((*call).half, nothing), after((*call).halfWhole, nothing)),
		chatKind("chat-broken", "half of the text comes, then the connection or the stream is reset", "",
			after((*call).half, broken), after((*call).halfWhole, broken)),
		chatKind("chat-no-done", "all of the text comes and why it ends, but no [DONE]", "",
			func(c *call) { c.completed = c.begin() && c.texts(c.pieces) && c.event(map[string]any{}, c.finish) }, nil),
		chatKind("chat-no-finish", "all of the text comes, but not why it ends", "", (*call).unfinished, without("finish_reason")),
		chatKind("chat-error-start", "an error comes in the first text's place", "",
			after((*call).begin, (*call).errorEvent), (*call).errorWhole),
		chatKind("chat-error-middle", "half of the text comes, then an error", "",
			after((*call).half, (*call).errorEvent), (*call).errorWhole),
		chatKind("chat-garbage", "half of the text comes, then an event that is no JSON, then the rest", "",
			(*call).garbage, func(c *call) { c.raw(`{"id":`) }),
		chatKind("chat-tool-call", "a call of a tool that nobody offered comes in the text's place", "", (*call).toolCall, (*call).toolCallWhole),
		chatKind("chat-refusal", "a refusal comes in the text's place", "", (*call).refusal, (*call).refusalWhole),
		chatKind("chat-content-filter", "half of the text comes, then finish_reason content_filter", "", ended("content_filter"), endedWhole("content_filter")),
		chatKind("chat-length", "half of the text comes, then finish_reason length", "", ended("length"), endedWhole("length")),
		chatKind("chat-empty", "no text comes, then finish_reason stop", "",
			after((*call).begin, func(c *call) { c.end("stop", c.usage()) }), func(c *call) { c.answer(map[string]any{"content": ""}, "stop", c.usage()) }),
		chatKind("chat-usage-missing", "all but the usage", "",
			func(c *call) {
				if c.begin() && c.texts(c.pieces) {
					c.end(c.finish, nil)
				}
			}, without("usage")),
		chatKind("chat-other-form", "JSON where a stream was asked for, and a stream where it was not", "", (*call).whole, (*call).streamAll),
	}
}

// after does a second thing once a first one is done.
func after(first func(*call) bool, then func(*call)) func(*call) {
	return func(c *call) {
		if first(c) {
			then(c)
		}
	}
}

func nothing(*call) {}

// broken ends the connection in HTTP/1.1 and the stream in HTTP/2, in the middle.
func broken(*call) { panic(http.ErrAbortHandler) }

// slowly is with a token a second.
func slowly(then func(*call)) func(*call) {
	return func(c *call) {
		c.pace = 1
		then(c)
	}
}

// firstHalf is half of the text, at least a piece of it.
func (c *call) firstHalf() []piece { return c.pieces[:max(len(c.pieces)/2, min(1, len(c.pieces)))] }

// half streams half of the text.
func (c *call) half() bool { return c.begin() && c.texts(c.firstHalf()) }

// open sends the header of an answer without streaming.
func (c *call) open() bool {
	c.w.WriteHeader(http.StatusOK)
	return c.control.Flush() == nil
}

// halfWhole sends an answer's JSON, the whole of which was paid for, up to the
// middle of its text.
func (c *call) halfWhole() bool {
	text, ok := c.makeAll(c.pieces)
	if !ok {
		return false
	}
	body, err := json.Marshal(c.completion(map[string]any{"content": text}, c.finish, c.usage()))
	return err == nil && c.raw(string(body[:len(body)/2]))
}

// each sends the same until the client leaves.
func (c *call) each(text string) {
	for c.raw(text) && c.wait(alive) {
	}
}

func (c *call) keepAlive() { c.each(": keep-alive\n\n") }

// spaces are what servers send in the place of keep-alives where no stream was asked for.
func (c *call) spaces() { c.each(" ") }

func (c *call) emptyDeltas() {
	for c.event(map[string]any{"content": ""}, nil) && c.wait(alive) {
	}
}

// endless sends text without end, and bills it.
func (c *call) endless() {
	for c.texts([]piece{{" and so on", 3}}) {
	}
}

func (c *call) endlessWhole() {
	ok := c.raw(`{"choices":[{"message":{"content":"`)
	for p := (piece{" and so on", 3}); ok && c.make(p); {
		ok = c.raw(p.text)
	}
}

// failure is an error as OpenAI sends it in a stream.
var failure = map[string]any{"error": map[string]any{
	"message": "The server had an error while processing your request. Sorry about that!", "type": "server_error", "param": nil, "code": nil}}

func (c *call) errorEvent() { c.data(failure) }

// errorWhole is an error with status 200, as gateways give that had sent the header before.
func (c *call) errorWhole() {
	if c.open() {
		json.NewEncoder(c.w).Encode(failure)
	}
}

func (c *call) garbage() {
	half := c.firstHalf()
	if c.begin() && c.texts(half) && c.raw("data: {\"id\":\n\n") && c.texts(c.pieces[len(half):]) {
		c.end(c.finish, c.usage())
	}
}

// unfinished is a stream that says nowhere why the text ends.
func (c *call) unfinished() {
	if c.begin() && c.texts(c.pieces) {
		c.completed = c.raw("data: [DONE]\n\n")
	}
}

// without answers without a member.
func without(member string) func(*call) {
	return func(c *call) {
		text, ok := c.makeAll(c.pieces)
		if !ok {
			return
		}
		out := c.completion(map[string]any{"content": text}, c.finish, c.usage())
		delete(out, member)
		delete(out["choices"].([]any)[0].(map[string]any), member)
		c.completed = json.NewEncoder(c.w).Encode(out) == nil
	}
}
