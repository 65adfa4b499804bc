package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"ragtime/shared/chunk"
)

// OpenAI's limits (https://platform.openai.com/docs/api-reference/embeddings/create).
const (
	maxInputs        = 2048
	maxInputTokens   = 8192
	maxRequestTokens = 300_000
)

// models are the embedding models by name.
var models = map[string]struct {
	dimensions int
	shortens   bool // it takes a smaller number of dimensions
}{
	"text-embedding-3-small": {1536, true},
	"text-embedding-3-large": {3072, true},
	"text-embedding-ada-002": {1536, false},
}

const notJSON = "We could not parse the JSON body of your request. " +
	"(HINT: This likely means you aren't using your HTTP library correctly. " +
	"The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"

func modelNotFound(model string) *apiError {
	return &apiError{
		status:  http.StatusNotFound,
		message: fmt.Sprintf("The model `%s` does not exist or you do not have access to it.", model),
		kind:    "invalid_request_error",
		code:    "model_not_found",
	}
}

// embeddingsRequest is a checked embeddings request.
type embeddingsRequest struct {
	texts      []string
	model      string
	dimensions int
	base64     bool
	tokens     int
}

func invalidRequest(param, format string, args ...any) *apiError {
	return &apiError{
		status:  http.StatusBadRequest,
		message: fmt.Sprintf(format, args...),
		kind:    "invalid_request_error",
		param:   param,
	}
}

// parseEmbeddings reads and checks an embeddings request as OpenAI does.
func parseEmbeddings(body []byte) (embeddingsRequest, *apiError) {
	var in struct {
		Input          json.RawMessage `json:"input"`
		Model          string          `json:"model"`
		Dimensions     *int            `json:"dimensions"`
		EncodingFormat *string         `json:"encoding_format"`
		User           *string         `json:"user"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return embeddingsRequest{}, invalidRequest("", notJSON)
	}
	if in.Model == "" {
		return embeddingsRequest{}, invalidRequest("", "you must provide a model parameter")
	}
	model, ok := models[in.Model]
	if !ok {
		return embeddingsRequest{}, modelNotFound(in.Model)
	}
	out := embeddingsRequest{model: in.Model, dimensions: model.dimensions}
	if d := in.Dimensions; d != nil {
		switch {
		case !model.shortens:
			return embeddingsRequest{}, invalidRequest("", "This model does not support specifying dimensions.")
		case *d < 1:
			return embeddingsRequest{}, invalidRequest("dimensions", "%d is less than the minimum of 1 - 'dimensions'", *d)
		case *d > model.dimensions:
			return embeddingsRequest{}, invalidRequest("dimensions",
				"Invalid value for 'dimensions' = %d. Must be less than or equal to %d.", *d, model.dimensions)
		}
		out.dimensions = *d
	}
	if f := in.EncodingFormat; f != nil {
		if *f != "float" && *f != "base64" {
			return embeddingsRequest{}, invalidRequest("encoding_format",
				"Invalid value: '%s'. Supported values are: 'float' and 'base64'.", *f)
		}
		out.base64 = *f == "base64"
	}
	var refused *apiError
	var counts []int
	if out.texts, counts, refused = readInput(in.Input); refused != nil {
		return embeddingsRequest{}, refused
	}
	for i, t := range out.texts {
		n := counts[i]
		if n == 0 {
			n = chunk.Count(t)
		}
		if n > maxInputTokens {
			return embeddingsRequest{}, invalidRequest("",
				"This model's maximum context length is %d tokens, however you requested %d tokens "+
					"(%d in your prompt; 0 for the completion). Please reduce your prompt; or completion length.",
				maxInputTokens, n, n)
		}
		out.tokens += n
	}
	if out.tokens > maxRequestTokens {
		return embeddingsRequest{}, &apiError{
			status:  http.StatusBadRequest,
			message: fmt.Sprintf("Requested %d tokens, max %d tokens per request", out.tokens, maxRequestTokens),
			kind:    "max_tokens_per_request",
			code:    "max_tokens_per_request",
		}
	}
	return out, nil
}

// decode decodes what encode wrote as base64.
func decode(text string) []float32 {
	raw, _ := base64.StdEncoding.DecodeString(text)
	v := make([]float32, len(raw)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return v
}

// encode returns a vector as base64 of little-endian float32, or as it is.
func encode(v []float32, asBase64 bool) any {
	if !asBase64 {
		return v
	}
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
