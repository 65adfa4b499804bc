package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"ragtime/shared/fault"
)

const (
	// maxNumberBytes is the most that a vector's number may take in JSON: 17 digits with
	// sign, point and exponent are 24 bytes, and the rest is for an indented answer.
	maxNumberBytes = 64
	// maxRestBytes is the most that an embedding may have beside its numbers, and that any
	// other member of the answer may have.
	maxRestBytes = 16 << 10
	// maxMembers is how many members an answer may have. OpenAI's has four.
	maxMembers = 64
)

// answer is the answer to one request.
type answer struct {
	vectors [][]float32 // one for each text, in the order of the texts
	tokens  int         // that were paid for; 0 where the API does not say
}

// decodeAnswer reads and checks the answer to n texts. It buffers one embedding at a time,
// and reads no more than n embeddings of that many dimensions can need. So neither memory
// nor time depends on how much the server sends.
func decodeAnswer(ctx context.Context, body io.Reader, n, dimensions int) (answer, error) {
	src := &boundedBody{ctx: ctx, body: bufio.NewReaderSize(body, 32<<10)}
	r := answerReader{Decoder: json.NewDecoder(src), src: src, n: n, dimensions: dimensions}
	a, err := r.readAnswer()
	if err == nil {
		return a, nil
	}
	if src.err != nil { // err is only what the decoder made of it
		return answer{}, classify(src.err)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return answer{}, f
	}
	return answer{}, &fault.Error{
		Kind:   fault.Upstream,
		Detail: "openai: the answer is not what the embeddings API promises",
		Cause:  err,
	}
}

// answerReader reads one answer.
type answerReader struct {
	*json.Decoder
	src           *boundedBody
	n, dimensions int
}

func (r *answerReader) readAnswer() (a answer, err error) {
	r.src.remaining = maxRestBytes
	if err := r.readDelim('{'); err != nil {
		return a, err
	}
	for range maxMembers {
		if !r.More() {
			break
		}
		r.src.remaining = maxRestBytes
		key, err := r.Token()
		if err != nil {
			return a, err
		}
		switch key {
		case "data":
			a.vectors, err = r.readVectors()
		case "usage":
			a.tokens, err = r.readUsage()
		default:
			err = r.Decode(new(json.RawMessage))
		}
		if err != nil {
			return a, err
		}
	}
	if err := r.readDelim('}'); err != nil {
		return a, err
	}
	if len(a.vectors) == 0 {
		return a, fault.New(fault.Upstream, "openai: no embedding came for %d texts", r.n)
	}
	// Read to the body's end, so that its connection can be used again.
	if _, err := r.Token(); err != io.EOF {
		return a, errors.Join(err, errors.New("something follows the answer"))
	}
	return a, nil
}

// readDelim reads a brace or bracket.
func (r *answerReader) readDelim(want json.Delim) error {
	got, err := r.Token()
	if err == nil && got != want {
		return errors.New("a JSON value of another type than expected")
	}
	return err
}

// readVectors reads the embeddings. One without an index belongs to the text at its place,
// since Gemini leaves out an index of 0.
func (r *answerReader) readVectors() ([][]float32, error) {
	if err := r.readDelim('['); err != nil {
		return nil, err
	}
	out := make([][]float32, r.n)
	place := 0
	for ; r.More(); place++ {
		if place == r.n {
			return nil, fault.New(fault.Upstream, "openai: more than %d embeddings came for %d texts", r.n, r.n)
		}
		r.src.remaining = maxRestBytes + maxNumberBytes*r.dimensions
		var d struct {
			Index     *int   `json:"index"`
			Embedding vector `json:"embedding"`
		}
		if err := r.Decode(&d); err != nil {
			return nil, err
		}
		at := place
		if d.Index != nil {
			at = *d.Index
		}
		if at < 0 || at >= r.n || out[at] != nil {
			return nil, fault.New(fault.Upstream, "openai: the embeddings' indexes are not 0 to %d, once each", r.n-1)
		}
		if err := checkVector(d.Embedding, r.dimensions); err != nil {
			return nil, err
		}
		out[at] = d.Embedding
	}
	if err := r.readDelim(']'); err != nil {
		return nil, err
	}
	if place < r.n {
		return nil, fault.New(fault.Upstream, "openai: %d embeddings came for %d texts", place, r.n)
	}
	return out, nil
}

// readUsage reads how many tokens were paid for; 0 where that cannot be read, since the rest
// of the answer is good all the same.
func (r *answerReader) readUsage() (int, error) {
	var raw json.RawMessage
	if err := r.Decode(&raw); err != nil {
		return 0, err
	}
	var said struct {
		Prompt json.RawMessage `json:"prompt_tokens"`
		Total  json.RawMessage `json:"total_tokens"`
	}
	if json.Unmarshal(raw, &said) != nil {
		return 0, nil //nolint:nilerr // counts that cannot be read are none
	}
	for _, field := range []json.RawMessage{said.Prompt, said.Total} {
		if n, ok := parseCount(field); ok {
			return n, nil
		}
	}
	return 0, nil
}

// parseCount reads a count of tokens. It takes a number with a decimal point and one in a
// string too.
func parseCount(raw json.RawMessage) (n int, ok bool) {
	x, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || !(x >= 0 && x <= math.MaxInt32) {
		return 0, false
	}
	return int(x), true
}

func checkVector(v []float32, dimensions int) error {
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

// vector decodes both encoding formats: base64 of little-endian float32, and an array of
// numbers, which servers send that do not know base64.
type vector []float32

func (v *vector) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		if bytes.Contains(b, []byte("null")) { // encoding/json would take it for 0
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
