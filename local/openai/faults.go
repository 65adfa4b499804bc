package openai

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"

	"ragtime/local/network"
)

// Faults returns the ways in which OpenAI fails, and those of APIs that are compatible with it.
func Faults() []network.Kind { return slices.Concat(failures(), variants(), chatFailures()) }

// failures returns OpenAI's refusals, and embeddings that are not what its API promises.
// One of them, permuted, is allowed: a client must cope with it.
func failures() []network.Kind {
	return []network.Kind{
		refused("rate-limited", "429, another try after 1 s", rateLimited, "1"),
		refused("rate-limited-long", "429, another try after 120 s", rateLimited, "120"),
		refused("quota-exhausted", "429, the account has nothing left", quotaExhausted, ""),
		refused("unauthorized", "401, the key is wrong", wrongKey, ""),
		refused("server-error", "500, as OpenAI words it", internalError, ""),
		{
			Name:    "truncated",
			Meaning: "200 whose JSON breaks off in the middle",
			Wrap:    changeBody(func(body []byte) []byte { return body[:len(body)/2] }),
		},
		changeEmbeddings("wrong-count", "one embedding fewer than inputs",
			func(data []embedding) []embedding { return data[:len(data)-1] }),
		changeEmbeddings("wrong-order", "every embedding says that it is of the input with index 1",
			eachEmbedding(func(e embedding) { e["index"] = 1 })),
		changeEmbeddings("permuted", "embeddings in another order than the inputs, their indexes right: the API allows it",
			func(data []embedding) []embedding { return append(data[1:len(data):len(data)], data[0]) }),
		changeEmbeddings("wrong-dimension", "embeddings one dimension short",
			eachEmbedding(func(e embedding) {
				e.changeVector(func(v []float32) []float32 { return v[1:] })
			})),
		changeEmbeddings("not-finite", "an embedding has a place that is not a number",
			eachEmbedding(func(e embedding) {
				e.changeVector(func(v []float32) []float32 {
					v[0] = float32(math.NaN())
					return v
				})
			})),
	}
}

// OpenAI's refusals, in its own words.
var (
	rateLimited = apiError{
		status: http.StatusTooManyRequests,
		message: "Rate limit reached for text-embedding-3-small in organization org-local on requests per min (RPM): " +
			"Limit 3000, Used 3000, Requested 1. Please try again later. " +
			"Visit https://platform.openai.com/account/rate-limits to learn more.",
		kind: "requests",
		code: "rate_limit_exceeded",
	}
	quotaExhausted = apiError{
		status: http.StatusTooManyRequests,
		message: "You exceeded your current quota, please check your plan and billing details. " +
			"For more information on this error, read the docs: " +
			"https://platform.openai.com/docs/guides/error-codes/api-errors.",
		kind: "insufficient_quota",
		code: "insufficient_quota",
	}
	wrongKey = apiError{
		status: http.StatusUnauthorized,
		message: "Incorrect API key provided: sk-xxxxx. " +
			"You can find your API key at https://platform.openai.com/account/api-keys.",
		kind: "invalid_request_error",
		code: "invalid_api_key",
	}
	internalError = apiError{
		status:  http.StatusInternalServerError,
		message: "The server had an error while processing your request. Sorry about that!",
		kind:    "server_error",
	}
	billingNotActive = apiError{
		status:  http.StatusTooManyRequests,
		message: "Your account is not active, please check your billing details on our website.",
		kind:    "billing_not_active",
		code:    "billing_not_active",
	}
)

// refused is a fault that answers with an error in the API's place.
func refused(name, meaning string, e apiError, retryAfter string) network.Kind {
	return network.Kind{Name: name, Meaning: meaning, Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Request-Id", requestID())
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			refuse(w, e)
		})
	}}
}

// changeBody is a Wrap that changes the body of answers with status 200.
func changeBody(change func([]byte) []byte) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, header, body := network.Capture(next, r)
			if status == http.StatusOK {
				body = change(body)
			}
			maps.Copy(w.Header(), header)
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			w.WriteHeader(status)
			w.Write(body)
		})
	}
}

// changeEmbeddings is a fault that changes the embeddings of an answer, if it has some.
func changeEmbeddings(name, meaning string, change func([]embedding) []embedding) network.Kind {
	return network.Kind{Name: name, Meaning: meaning, Wrap: changeBody(func(body []byte) []byte {
		var answer map[string]json.RawMessage
		var data []embedding
		if json.Unmarshal(body, &answer) != nil || json.Unmarshal(answer["data"], &data) != nil {
			return body
		}
		if len(data) == 0 || data[0]["embedding"] == nil { // such as a list of models
			return body
		}
		answer["data"] = marshal(change(data))
		return marshal(answer)
	})}
}

// eachEmbedding makes a change of all embeddings out of one of a single embedding.
func eachEmbedding(change func(embedding)) func([]embedding) []embedding {
	return func(data []embedding) []embedding {
		for _, e := range data {
			change(e)
		}
		return data
	}
}

// embedding is an element of an answer's member "data".
type embedding map[string]any

// changeVector changes the vector and keeps its format.
func (e embedding) changeVector(change func([]float32) []float32) {
	text, asBase64 := e["embedding"].(string)
	if asBase64 {
		e["embedding"] = encode(change(decode(text)), true)
		return
	}
	numbers := []float32{}
	for _, x := range e["embedding"].([]any) {
		numbers = append(numbers, float32(x.(float64)))
	}
	list := []any{}
	for _, x := range change(numbers) {
		if math.IsNaN(float64(x)) {
			list = append(list, json.Number("1e999")) // JSON has no NaN; this is too large for any float
			continue
		}
		list = append(list, x)
	}
	e["embedding"] = list
}

func marshal(v any) json.RawMessage {
	out, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("openai: what was decoded from JSON cannot be encoded: %v", err))
	}
	return out
}
