package openai

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"ragtime/local/network"
)

// variants returns how APIs answer that are compatible with OpenAI's, and what gateways
// in front of them answer. docs/providers.md has the sources.
func variants() []network.Kind {
	return []network.Kind{
		changeEmbeddings("index-0-left-out", "the embedding with index 0 has none, as Gemini's",
			eachEmbedding(func(e embedding) {
				if e["index"] == 0.0 {
					delete(e, "index")
				}
			})),
		changeEmbeddings("no-index", "no embedding has an index",
			eachEmbedding(func(e embedding) { delete(e, "index") })),
		changeEmbeddings("numbers", "embeddings as numbers, whatever was asked for, as old releases of Ollama and TEI",
			eachEmbedding(func(e embedding) {
				if text, ok := e["embedding"].(string); ok {
					e["embedding"] = decode(text)
				}
			})),

		replaceUsage("usage-with-point", "usage has numbers with a point", `{"prompt_tokens":12.0,"total_tokens":12.0}`),
		replaceUsage("usage-as-text", "usage has texts", `{"prompt_tokens":"12","total_tokens":"12"}`),
		replaceUsage("usage-missing", "usage says nothing", `null`),

		refuseIf("refuses-dimensions", "400 where dimensions is sent, as vLLM words it",
			func(r map[string]json.RawMessage) bool { return r["dimensions"] != nil },
			`{"object":"error","message":"Model \"m\" does not support matryoshka representation, `+
				`changing output dimensions will lead to poor results.","type":"BadRequestError","param":null,"code":400}`),
		refuseIf("refuses-base64", "400 where base64 is asked for, as Gemini words it",
			func(r map[string]json.RawMessage) bool { return string(r["encoding_format"]) == `"base64"` },
			`[{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}]`),
		refuseIf("ten-inputs", "400 where more than 10 texts are sent, as DashScope",
			func(r map[string]json.RawMessage) bool {
				var texts []string
				return json.Unmarshal(r["input"], &texts) == nil && len(texts) > 10
			},
			`{"error":{"code":"InvalidParameter","param":null,`+
				`"message":"batch size is invalid, it should not be larger than 10.","type":"InvalidParameter"}}`),

		errorText("unauthorized-text", "401 with a text for an error, as Ollama and gateways",
			http.StatusUnauthorized, "invalid key"),
		errorText("rate-limited-text", "429 with a text for an error",
			http.StatusTooManyRequests, "slow down"),
		errorText("server-error-text", "500 with a text for an error",
			http.StatusInternalServerError, "out of memory"),
		errorText("too-large-text", "413 with a text for an error, as TEI",
			http.StatusRequestEntityTooLarge, "batch size 64 > maximum allowed batch size 32"),

		refused("billing-not-active", "429, the account is not active", billingNotActive, ""),

		hangingError("unauthorized-hangs", "401 whose body never ends", http.StatusUnauthorized, ""),
		hangingError("rate-limited-hangs", "429 whose body never ends, another try after 20 s", http.StatusTooManyRequests, "20"),
		hangingError("server-error-hangs", "500 whose body never ends", http.StatusInternalServerError, ""),

		{
			Name:    "unavailable-long",
			Meaning: "503, another try after 30 s",
			Wrap: answerWith(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "30")
				http.Error(w, "overloaded", http.StatusServiceUnavailable)
			}),
		},
		{
			Name:    "moved",
			Meaning: "307 to another host",
			Wrap: answerWith(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "https://elsewhere.test"+r.URL.RequestURI())
				w.WriteHeader(http.StatusTemporaryRedirect)
			}),
		},
		{
			Name:    "huge-numbers",
			Meaning: "200 with a vector of 64 MiB",
			Wrap:    answerWith(func(w http.ResponseWriter, _ *http.Request) { writeHugeVector(w) }),
		},
		{
			Name:    "gzip-bomb",
			Meaning: "200 with a vector of 64 MiB that is 64 KiB on the wire",
			Wrap: answerWith(func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
					writeHugeVector(w)
					return
				}
				w.Header().Set("Content-Encoding", "gzip")
				z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
				writeHugeVector(z)
				z.Close()
			}),
		},
	}
}

// answerWith is a Wrap that uses f in the API's place.
func answerWith(f http.HandlerFunc) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler { return f }
}

// replaceUsage is a fault that replaces an answer's usage by value, in JSON.
func replaceUsage(name, meaning, value string) network.Kind {
	return network.Kind{Name: name, Meaning: meaning, Wrap: changeBody(func(body []byte) []byte {
		var answer map[string]json.RawMessage
		if json.Unmarshal(body, &answer) != nil || answer["usage"] == nil {
			return body
		}
		answer["usage"] = json.RawMessage(value)
		return marshal(answer)
	})}
}

// refuseIf is a fault that answers 400 to requests for which matches is true.
func refuseIf(name, meaning string, matches func(map[string]json.RawMessage) bool, answer string) network.Kind {
	return network.Kind{Name: name, Meaning: meaning, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
			var request map[string]json.RawMessage
			if err == nil && json.Unmarshal(body, &request) == nil && matches(request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, answer)
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			next.ServeHTTP(w, r)
		})
	}}
}

// errorText is a fault whose error is a text instead of an object.
func errorText(name, meaning string, status int, text string) network.Kind {
	return network.Kind{Name: name, Meaning: meaning, Wrap: answerWith(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"error": text})
	})}
}

// hangingError is a fault that sends a status and the beginning of an error, then
// nothing until the client leaves.
func hangingError(name, meaning string, status int, retryAfter string) network.Kind {
	return network.Kind{Name: name, Meaning: meaning, Wrap: answerWith(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"error":{"message":"`)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})}
}

// writeHugeVector writes an answer with one vector of 64 MiB, or until a write fails.
func writeHugeVector(w io.Writer) {
	io.WriteString(w, `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0`)
	numbers := strings.Repeat(",0.5", 16<<10)
	for range 1 << 10 {
		if _, err := io.WriteString(w, numbers); err != nil {
			return
		}
	}
	io.WriteString(w, `]}]}`)
}
