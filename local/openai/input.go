package openai

import (
	"encoding/json"
	"sync"

	"github.com/tiktoken-go/tokenizer/codec"
)

// readInput reads the member "input": a string, an array of strings, an array of token
// numbers, or an array of such arrays. texts and counts have an element an input. A
// count is the number of tokens of an input of tokens, and 0 for a text, whose tokens
// are not counted yet.
func readInput(raw json.RawMessage) (texts []string, counts []int, refused *apiError) {
	invalid := invalidRequest("input", "'$.input' is invalid. "+
		"Please check the API reference: https://platform.openai.com/docs/api-reference.")
	var list []json.RawMessage
	var one string
	switch {
	case len(raw) == 0:
		return nil, nil, invalidRequest("input", "Missing required parameter: 'input'.")
	case json.Unmarshal(raw, &one) == nil && raw[0] == '"':
		list = []json.RawMessage{raw}
	case json.Unmarshal(raw, &list) != nil || len(list) == 0:
		return nil, nil, invalid
	}
	if list[0][0] != '"' && list[0][0] != '[' { // one input of tokens
		list = []json.RawMessage{raw}
	}
	if len(list) > maxInputs {
		return nil, nil, invalidRequest("input", "Invalid 'input': array too long. "+
			"Expected an array with maximum length %d, but got an array with length %d instead.", maxInputs, len(list))
	}
	texts = make([]string, len(list))
	counts = make([]int, len(list))
	for i, r := range list {
		if r[0] == '[' {
			var ok bool
			if texts[i], counts[i], ok = detokenize(r); !ok {
				return nil, nil, invalid
			}
		} else if r[0] != '"' || json.Unmarshal(r, &texts[i]) != nil || texts[i] == "" {
			return nil, nil, invalid
		}
	}
	return texts, counts, nil
}

// vocabulary is made at its first use. It shares its words with package chunk; only the
// map from numbers to words is its own.
var vocabulary = sync.OnceValue(codec.NewCl100kBase)

// detokenize returns the text of an array of cl100k_base tokens, so that tokens have the
// same embedding as their text.
func detokenize(raw json.RawMessage) (text string, tokens int, ok bool) {
	var numbers []uint
	if json.Unmarshal(raw, &numbers) != nil || len(numbers) == 0 {
		return "", 0, false
	}
	text, err := vocabulary().Decode(numbers)
	return text, len(numbers), err == nil
}
