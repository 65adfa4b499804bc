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

// request requests the embeddings of texts, once.
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
	// OpenAI's oldest model has fixed dimensions, and refuses the parameter.
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

// withKey returns the option that sends the key in the API's header. A key that cannot be
// sent in a header is a fault that no other attempt can help.
func withKey(api provider.API, key string) (option.RequestOption, error) {
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fault.New(fault.Upstream, "openai: the API key has a space, a line break or another character that no key has: see OPENAI_API_KEY, or the secret behind OPENAI_API_KEY_SECRET")
	}
	if api.KeyHeader != "" {
		return option.WithHeader(api.KeyHeader, key), nil
	}
	return option.WithAPIKey(key), nil
}

// classify turns an error of openai-go into a fault.
func classify(err error) error {
	if refused, ok := asRefusal(err); ok {
		return refused.fault()
	}
	if f := wire.Classify("openai", err); f != nil {
		return f
	}
	return &fault.Error{Kind: fault.Upstream, Detail: "openai: the answer cannot be read", Cause: err}
}
