// Package provider knows how the APIs differ that call themselves OpenAI-compatible:
// what each takes beside a model and texts, and how much at once.
// docs/providers.md has the same table with its sources.
package provider

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ragtime/shared/settings"
)

// API is what is known of one provider's API. A parameter that it is not known
// to take is not sent: many refuse what they do not know.
type API struct {
	Name       string     // of the preset, such as "azure"
	BaseURL    string     // where it is, without a last slash; empty where every deployment has its own
	Query      url.Values // goes with every request, such as Azure's api-version
	KeyHeader  string     // the header that carries the key; empty is Authorization, as a bearer token
	Dimensions bool       // takes the parameter dimensions, for a model that can shorten its vectors
	Encoding   string     // the encoding_format to ask for, "base64" or "float"; empty asks for none
	Inputs     int        // texts a request takes; 0 where no limit is known
	Tokens     int        // tokens that a request takes, all texts together; 0 where no limit is known
	Plaintext  bool       // the key may go over http to another machine

	// Of chat completions. MaxTokens is the name of the parameter that bounds an answer,
	// StreamUsage tells whether a stream can be asked to count its tokens.
	MaxTokens   string
	StreamUsage bool
}

// OpenAI is the preset that counts where none is named.
const OpenAI = "openai"

// The names of the parameter that bounds an answer. The first is OpenAI's for
// models that think; the second is older, and what servers like OpenAI's know.
const (
	maxCompletionTokens = "max_completion_tokens"
	maxTokens           = "max_tokens"
)

var presets = map[string]API{
	OpenAI: {
		BaseURL:     "https://api.openai.com/v1",
		Dimensions:  true,
		Encoding:    "base64",
		Inputs:      2048,
		Tokens:      300_000,
		MaxTokens:   maxCompletionTokens,
		StreamUsage: true,
	},
	"azure": {
		KeyHeader:   "api-key",
		Dimensions:  true,
		Encoding:    "base64",
		Inputs:      2048,
		Tokens:      300_000,
		MaxTokens:   maxCompletionTokens,
		StreamUsage: true,
	},
	"gemini": {
		BaseURL:     "https://generativelanguage.googleapis.com/v1beta/openai",
		Inputs:      100,
		MaxTokens:   maxTokens,
		StreamUsage: true,
	},
	"dashscope": {
		BaseURL:     "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
		Dimensions:  true,
		Encoding:    "float",
		Inputs:      10,
		MaxTokens:   maxTokens,
		StreamUsage: true,
	},
	"vllm":   {Encoding: "base64", MaxTokens: maxTokens, StreamUsage: true},
	"ollama": {Encoding: "base64", MaxTokens: maxTokens, StreamUsage: true},
	"tei":    {Inputs: 32, MaxTokens: maxTokens},
}

// Names are the presets' names, sorted.
func Names() []string { return slices.Sorted(maps.Keys(presets)) }

// Preset is the API of that name; "" is OpenAI's.
func Preset(name string) (API, error) {
	if name == "" {
		name = OpenAI
	}
	api, ok := presets[name]
	if !ok {
		return API{}, fmt.Errorf("%q is no provider known here: use one of %s", name, strings.Join(Names(), ", "))
	}
	api.Name = name
	return api, nil
}

// With is the API with single settings on top of it, such as
// "inputs=10,encoding=float". Empty changes nothing. All mistakes are reported at once.
func (api API) With(changes string) (API, error) {
	err := settings.Read(changes, map[string]func(string) error{
		"dimensions": func(v string) error { return setBool(&api.Dimensions, v) },
		"plaintext":  func(v string) error { return setBool(&api.Plaintext, v) },
		"inputs":     func(v string) error { return setCount(&api.Inputs, v) },
		"tokens":     func(v string) error { return setCount(&api.Tokens, v) },
		"encoding": func(v string) error {
			if v != "base64" && v != "float" && v != "none" {
				return errors.New("must be base64, float or none")
			}
			api.Encoding = strings.TrimSuffix(v, "none")
			return nil
		},
		"stream_usage": func(v string) error { return setBool(&api.StreamUsage, v) },
		"max_tokens": func(v string) error {
			if v != maxTokens && v != maxCompletionTokens {
				return errors.New("must be " + maxTokens + " or " + maxCompletionTokens)
			}
			api.MaxTokens = v
			return nil
		},
		"key_header": func(v string) error {
			if strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				return errors.New("is not a header's name")
			}
			api.KeyHeader = v
			return nil
		},
	})
	return api, err
}

func setBool(field *bool, value string) error {
	if value != "yes" && value != "no" {
		return errors.New("must be yes or no")
	}
	*field = value == "yes"
	return nil
}

func setCount(field *int, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return errors.New("must be a number from 1 on")
	}
	*field = n
	return nil
}
