package openai

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"ragtime/local/network"
)

// answerEmbedding is an element of an answer's data, its vector in either format.
type answerEmbedding struct {
	Index     int
	Embedding json.RawMessage
}

func (d answerEmbedding) vector(t *testing.T) []float32 {
	var text string
	if json.Unmarshal(d.Embedding, &text) == nil {
		return decode(text)
	}
	var v []float32
	if err := json.Unmarshal(d.Embedding, &v); err != nil {
		return nil // 1e999
	}
	return v
}

func TestFaults(t *testing.T) {
	n, h := start(t)
	transport := n.Transport()
	defer transport.CloseIdleConnections()
	inputs := []string{"one", "two", "three"}
	asked, _ := json.Marshal(inputs)
	refusals := map[string]struct {
		status                 int
		code, kind, retryAfter string
	}{
		"rate-limited":      {429, "rate_limit_exceeded", "requests", "1"},
		"rate-limited-long": {429, "rate_limit_exceeded", "requests", "120"},
		"quota-exhausted":   {429, "insufficient_quota", "insufficient_quota", ""},
		"unauthorized":      {401, "invalid_api_key", "invalid_request_error", ""},
		"server-error":      {500, "", "server_error", ""},
	}
	bodies := map[string]func(t *testing.T, data []answerEmbedding, format string) bool{
		"wrong-count": func(t *testing.T, data []answerEmbedding, _ string) bool { return len(data) == 2 },
		"wrong-order": func(t *testing.T, data []answerEmbedding, _ string) bool {
			return len(data) == 3 && !slices.ContainsFunc(data, func(d answerEmbedding) bool { return d.Index != 1 })
		},
		"permuted": func(t *testing.T, data []answerEmbedding, _ string) bool {
			for i, d := range data {
				if d.Index != (i+1)%3 || !slices.Equal(d.vector(t), Embed(inputs[d.Index], 1536)) {
					return false
				}
			}
			return len(data) == 3
		},
		"wrong-dimension": func(t *testing.T, data []answerEmbedding, _ string) bool { return len(data[2].vector(t)) == 1535 },
		"not-finite": func(t *testing.T, data []answerEmbedding, format string) bool {
			if format == "float" {
				return strings.HasPrefix(string(data[0].Embedding), "[1e999,")
			}
			v := data[0].vector(t)
			return len(v) == 1536 && math.IsNaN(float64(v[0]))
		},
	}
	for _, k := range failures() {
		for _, format := range []string{"float", "base64"} {
			t.Run(k.Name+" "+format, func(t *testing.T) {
				if err := h.Set(network.Fault{Name: k.Name}); err != nil {
					t.Fatal(err)
				}
				resp := post(t, transport, h.URL()+"/v1/embeddings",
					`{"model":"text-embedding-3-small","encoding_format":"`+format+`","input":`+string(asked)+`}`)
				defer resp.Body.Close()
				raw, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				var got struct {
					Data  []answerEmbedding
					Error struct{ Message, Type, Code string }
				}
				broken := json.Unmarshal(raw, &got) != nil
				if broken != (k.Name == "truncated") {
					t.Fatalf("answered %d %.200s", resp.StatusCode, raw)
				}
				if want, ok := refusals[k.Name]; ok {
					if resp.StatusCode != want.status || got.Error.Code != want.code || got.Error.Type != want.kind ||
						got.Error.Message == "" || resp.Header.Get("Retry-After") != want.retryAfter {
						t.Errorf("answered %d %v %s, want %+v", resp.StatusCode, resp.Header, raw, want)
					}
					return
				}
				is := bodies[k.Name]
				if resp.StatusCode != 200 || is == nil && !broken || is != nil && !is(t, got.Data, format) {
					t.Errorf("answered %d %.300s", resp.StatusCode, raw)
				}
			})
		}
	}
}
