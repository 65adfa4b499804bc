// Package provider knows how OpenAI-compatible APIs differ: which parameters each takes,
// and how much in one request. docs/providers.md has the same table, with its sources.
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

// API describes one provider's API. Since many APIs refuse parameters that they do not know,
// only those are sent that an API is known to take.
type API struct {
	Name       string     // of the preset, such as "azure"
	BaseURL    string     // without a slash at the end; empty where each deployment has its own
	Query      url.Values // of every request, such as Azure's api-version
	KeyHeader  string     // the key's header; empty for Authorization, as a bearer token
	Dimensions bool       // takes the parameter dimensions, which shortens vectors
	Encoding   string     // the encoding_format to send, "base64" or "float"; empty sends none
	Inputs     int        // how many texts a request may have; 0 where no limit is known
	Tokens     int        // how many tokens its texts may have together; 0 where no limit is known
	Plaintext  bool       // the key may be sent over http to another machine

	// Of chat completions.
	MaxTokens   string // the name of the parameter that limits an answer
	StreamUsage bool   // takes stream_options, by which a stream counts its tokens
}

// OpenAI is the name of the default preset.
const OpenAI = "openai"

// Names of the parameter that limits an answer. OpenAI's models that think take only the
// first. The second is older, and compatible servers know it.
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

// Names returns the presets' names, sorted.
func Names() []string { return slices.Sorted(maps.Keys(presets)) }

// Preset returns the preset of that name; OpenAI's for "".
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

// With returns the API with changed settings, such as "inputs=10,encoding=float". An empty
// text changes nothing. The error has all mistakes.
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
