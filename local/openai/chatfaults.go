package openai

import (
	"context"
	"net/http"

	"ragtime/local/network"
)

// chatFault is how a chat completion fails: in a stream and without. nil is as it should be.
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
func chatKind(name, meaning string, f chatFault) network.Kind {
	return network.Kind{Name: name, Meaning: meaning, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chatFaultKey{}, f)))
		})
	}}
}

// chatFailures are the ways in which a chat completion fails.
func chatFailures() []network.Kind {
	return []network.Kind{
		chatKind("chat-silent-start", "the header of a stream comes, and no event; without streaming nothing comes", chatFault{
			stream: func(c *call) {
				if c.header() {
					c.hang()
				}
			},
			whole: (*call).hang,
		}),
	}
}
