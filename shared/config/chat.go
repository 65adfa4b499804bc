package config

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"ragtime/shared/price"
	"ragtime/shared/provider"
	"ragtime/shared/settings"
)

// Chat is what the answer function needs to know beside Config.
type Chat struct {
	Models   []ChatModel // a second one, if there is one, is asked where the first hangs or is down
	Settings ChatSettings
	System   string     // RAGTIME_SYSTEM_PROMPT; empty for rag's own
	Prices   price.List // RAGTIME_PRICES, on top of OpenAI's where OpenAI is asked
	Streams  bool       // RAGTIME_STREAMING, "yes" or "no": the gateway takes answers piece by piece
}

// ChatModel is a chat model at a provider. The variables of the second model have
// FALLBACK in place of CHAT. Where a variable is not set, the first model has what the
// embeddings have, and the second what the first has.
type ChatModel struct {
	Name      string       // RAGTIME_CHAT_MODEL; gpt-4.1-mini
	API       provider.API // RAGTIME_CHAT_PROVIDER, RAGTIME_CHAT_PROVIDER_SETTINGS, RAGTIME_CHAT_BASE_URL
	Key       string       // OPENAI_API_KEY; empty where the key is in a secret
	KeySecret string       // RAGTIME_CHAT_API_KEY_SECRET: the secret's ARN
}

// ChatSettings are RAGTIME_CHAT_SETTINGS, such as "temperature=0.2,answer_tokens=500".
type ChatSettings struct {
	Temperature     *float64 // temperature, 0 to 2; nil is not sent
	ReasoningEffort string   // reasoning_effort, such as low; empty is not sent
	AnswerTokens    int      // answer_tokens: how many an answer may have; 1,024
	PassageTokens   int      // passage_tokens: how many the passages for the model may have; 6,000
	Window          int      // window: how many tokens the model takes, its answer included; 128,000
	LeastScore      float64  // least_score: less similar passages are not relevant; 0.1
}

// ReadChat builds a Chat with getenv (os.Getenv) and the function's Config. The error
// has all mistakes.
func ReadChat(getenv func(string) string, c Config) (Chat, error) {
	var mistakes []error
	addMistake := func(err error) {
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	out := Chat{
		System: getenv("RAGTIME_SYSTEM_PROMPT"),
		Settings: ChatSettings{
			AnswerTokens:  1024,
			PassageTokens: 6000,
			Window:        128_000,
			LeastScore:    0.1,
		},
	}
	if err := out.Settings.read(getenv("RAGTIME_CHAT_SETTINGS")); err != nil {
		addMistake(fmt.Errorf("RAGTIME_CHAT_SETTINGS: %w", err))
	}
	first := ChatModel{Name: "gpt-4.1-mini", API: c.Provider, Key: c.OpenAIKey, KeySecret: c.OpenAIKeySecret}
	first, err := first.withEnv(getenv, "RAGTIME_CHAT_")
	addMistake(err)
	out.Models = []ChatModel{first}
	if getenv("RAGTIME_FALLBACK_MODEL") != "" {
		second, err := first.withEnv(getenv, "RAGTIME_FALLBACK_")
		addMistake(err)
		out.Models = append(out.Models, second)
	}
	prices, err := price.Parse(getenv("RAGTIME_PRICES"))
	if err != nil {
		addMistake(fmt.Errorf("RAGTIME_PRICES: %w", err))
	}
	if c.Provider.Space() == provider.OpenAI {
		out.Prices = price.OpenAI
	}
	out.Prices = out.Prices.With(prices)
	switch v := getenv("RAGTIME_STREAMING"); v {
	case "", "no":
	case "yes":
		out.Streams = getenv("AWS_SAM_LOCAL") == "" // sam local cannot stream
	default:
		addMistake(fmt.Errorf("RAGTIME_STREAMING=%q is neither yes nor no", v))
	}
	return out, errors.Join(mistakes...)
}

// withEnv returns m, changed by the variables with the prefix.
func (m ChatModel) withEnv(getenv func(string) string, prefix string) (ChatModel, error) {
	var mistakes []error
	m.Name = cmp.Or(getenv(prefix+"MODEL"), m.Name)
	name := getenv(prefix + "PROVIDER")
	url := getenv(prefix + "BASE_URL")
	if name != "" {
		api, err := provider.Preset(name)
		if err != nil {
			return m, fmt.Errorf("%sPROVIDER: %w", prefix, err)
		}
		m.API = api
	}
	api, err := m.API.With(getenv(prefix + "PROVIDER_SETTINGS"))
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("%sPROVIDER_SETTINGS: %w", prefix, err))
	}
	if name != "" || url != "" {
		if api, err = api.WithBaseURL(url); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%sBASE_URL %w", prefix, err))
		}
	}
	m.API = api
	if secret := getenv(prefix + "API_KEY_SECRET"); secret != "" {
		m.Key, m.KeySecret = "", secret
	}
	return m, errors.Join(mistakes...)
}

func (s *ChatSettings) read(text string) error {
	err := settings.Read(text, map[string]func(string) error{
		"temperature": func(v string) error {
			s.Temperature = new(float64)
			return setFloat(s.Temperature, v, 0, 2)
		},
		"reasoning_effort": func(v string) error { s.ReasoningEffort = v; return nil },
		"answer_tokens":    func(v string) error { return setInt(&s.AnswerTokens, v, 16) },
		"passage_tokens":   func(v string) error { return setInt(&s.PassageTokens, v, 256) },
		"window":           func(v string) error { return setInt(&s.Window, v, 2048) },
		"least_score":      func(v string) error { return setFloat(&s.LeastScore, v, -1, 1) },
	})
	if s.AnswerTokens+s.PassageTokens > s.Window {
		err = errors.Join(err, fmt.Errorf("answer_tokens and passage_tokens do not fit into the window of %d", s.Window))
	}
	return err
}

func setFloat(field *float64, value string, least, most float64) error {
	x, err := strconv.ParseFloat(value, 64)
	if err != nil || !(x >= least && x <= most) {
		return fmt.Errorf("must be a number from %g to %g", least, most)
	}
	*field = x
	return nil
}

func setInt(field *int, value string, least int) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < least {
		return fmt.Errorf("must be a whole number from %d on", least)
	}
	*field = n
	return nil
}
