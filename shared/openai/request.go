package openai

import (
	"context"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"ragtime/shared/fault"
	"ragtime/shared/provider"
	"ragtime/shared/wire"
)

// request asks for the embeddings of texts, once. The answer's tokens count even
// where its vectors cannot be used.
func (e *Embedder) request(ctx context.Context, key string, texts []string) (answer, error) {
	withKey, err := withKey(e.api, key)
	if err != nil {
		return answer{}, err
	}
	params := openai.EmbeddingNewParams{
		Input:          openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts},
		Model:          e.model,
		EncodingFormat: openai.EmbeddingNewParamsEncodingFormat(e.api.Encoding),
	}
	// OpenAI's oldest model has one length only, and refuses the parameter.
	if e.api.Dimensions && e.model != openai.EmbeddingModelTextEmbeddingAda002 {
		params.Dimensions = openai.Int(int64(e.dimensions))
	}
	var resp *http.Response
	if _, err := e.service.New(ctx, params, withKey, option.WithResponseBodyInto(&resp)); err != nil {
		if refused, ok := asRefusal(err); ok && refused.status == http.StatusUnauthorized {
			e.key.Invalidate(key)
		}
		return answer{}, classify(err)
	}
	defer resp.Body.Close()
	return decodeAnswer(ctx, resp.Body, len(texts), e.dimensions)
}

// withKey is the option that sends the key as the API wants it. A key that no
// header can carry is refused here: nothing was sent, and nothing would help.
func withKey(api provider.API, key string) (option.RequestOption, error) {
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fault.New(fault.Upstream, "openai: the API key has a space, a line break or another character that no key has: see OPENAI_API_KEY, or the secret behind OPENAI_API_KEY_SECRET")
	}
	if api.KeyHeader != "" {
		return option.WithHeader(api.KeyHeader, key), nil
	}
	return option.WithAPIKey(key), nil
}

// classify makes a fault of openai-go's error.
func classify(err error) error {
	if refused, ok := asRefusal(err); ok {
		return refused.fault()
	}
	if f := wire.Classify("openai", err); f != nil {
		return f
	}
	return &fault.Error{Kind: fault.Upstream, Detail: "openai: the answer cannot be read", Cause: err}
}
