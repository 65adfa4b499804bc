package openai

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"ragtime/shared/fault"
	"ragtime/shared/wire"
)

type answer struct {
	vectors [][]float32
	tokens  int
}

// request asks for the embeddings of texts, once.
func (e *Embedder) request(ctx context.Context, key string, texts []string) (answer, error) {
	params := openai.EmbeddingNewParams{
		Input:          openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
		Model:          e.model,
		EncodingFormat: openai.EmbeddingNewParamsEncodingFormatBase64,
	}
	if e.model != openai.EmbeddingModelTextEmbeddingAda002 {
		params.Dimensions = openai.Int(int64(e.dimensions))
	}
	// The raw body: openai-go would decode base64 to float64 and the rest unchecked.
	var body []byte
	if _, err := e.service.New(ctx, params, option.WithAPIKey(key), option.WithResponseBodyInto(&body)); err != nil {
		if api, ok := errors.AsType[*openai.Error](err); ok && api.StatusCode == http.StatusUnauthorized {
			e.key.Refused(key)
		}
		return answer{}, classify(err)
	}
	return decode(body, len(texts), e.dimensions)
}

// decode checks an answer to n texts.
func decode(body []byte, n, dimensions int) (answer, error) {
	var got struct {
		Data []struct {
			Index     *int   `json:"index"`
			Embedding vector `json:"embedding"`
		} `json:"data"`
		Usage struct {
			PromptTokens int `json:"prompt_tokens"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return answer{}, &fault.Error{Kind: fault.Upstream, Detail: "openai: the answer is not what the embeddings API promises", Cause: err}
	}
	if len(got.Data) != n {
		return answer{}, fault.New(fault.Upstream, "openai: %d embeddings came for %d texts", len(got.Data), n)
	}
	out := answer{vectors: make([][]float32, n), tokens: got.Usage.PromptTokens}
	for _, d := range got.Data {
		if d.Index == nil || *d.Index < 0 || *d.Index >= n || out.vectors[*d.Index] != nil {
			return answer{}, fault.New(fault.Upstream, "openai: the embeddings' indexes are not 0 to %d, once each", n-1)
		}
		if err := check(d.Embedding, dimensions); err != nil {
			return answer{}, err
		}
		out.vectors[*d.Index] = d.Embedding
	}
	return out, nil
}

func check(v []float32, dimensions int) error {
	if len(v) != dimensions {
		return fault.New(fault.Upstream, "openai: an embedding has %d dimensions, want %d: RAGTIME_EMBEDDING_DIMENSIONS and the model do not fit", len(v), dimensions)
	}
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) || sum == 0 {
		return fault.New(fault.Upstream, "openai: an embedding is zero or not finite")
	}
	return nil
}

// vector decodes both encoding formats: base64 of little-endian float32, and
// an array of numbers, which servers that do not know base64 send.
type vector []float32

func (v *vector) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		if bytes.Contains(b, []byte("null")) { // which encoding/json would take for 0
			return errors.New("an embedding has null among its numbers")
		}
		return json.Unmarshal(b, (*[]float32)(v))
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return err
	}
	if len(raw)%4 != 0 {
		return errors.New("a base64 embedding is no whole number of float32")
	}
	*v = make(vector, len(raw)/4)
	for i := range *v {
		(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// classify makes a fault of openai-go's error.
func classify(err error) error {
	api, ok := errors.AsType[*openai.Error](err)
	if !ok {
		if f := wire.Classify("openai", err); f != nil {
			return f
		}
		return &fault.Error{Kind: fault.Upstream, Detail: "openai: the answer cannot be read", Cause: err}
	}
	f := &fault.Error{Kind: fault.Upstream, Cause: err}
	switch s := api.StatusCode; {
	case s == http.StatusTooManyRequests && (api.Code == "insufficient_quota" || api.Type == "insufficient_quota"):
		f.Kind, f.Detail = fault.QuotaExhausted, "openai: the account's quota is exhausted: see its billing page"
	case s == http.StatusTooManyRequests:
		f.Kind, f.Detail = fault.RateLimited, "openai: rate limit reached"
		f.RetryAfter = wire.RetryAfter(api.Response.Header)
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		f.Detail = "openai: the API key was refused (" + strconv.Itoa(s) + "): check OPENAI_API_KEY or the secret behind OPENAI_API_KEY_SECRET"
	case s >= 500 || s == http.StatusRequestTimeout || s == http.StatusConflict:
		f.Kind, f.Detail = fault.Unavailable, "openai: answered "+strconv.Itoa(s)
		f.RetryAfter = wire.RetryAfter(api.Response.Header)
	default:
		f.Detail = "openai: answered " + strconv.Itoa(s)
		if api.Code == "model_not_found" {
			f.Detail += ": no such model; check RAGTIME_EMBEDDING_MODEL"
		}
	}
	return f
}
