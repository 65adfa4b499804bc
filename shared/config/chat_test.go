package config_test

import (
	"strings"
	"testing"

	"ragtime/shared/config"
	"ragtime/shared/price"
)

// readChat reads a Chat, with a valid Config.
func readChat(t *testing.T, set map[string]string) (config.Chat, error) {
	t.Helper()
	env := map[string]string{
		"AWS_REGION":            "eu-west-1",
		"RAGTIME_TABLE":         "t",
		"OPENAI_API_KEY":        "sk",
		"AWS_ACCESS_KEY_ID":     "a",
		"AWS_SECRET_ACCESS_KEY": "s",
	}
	for name, value := range set {
		env[name] = value
	}
	getenv := func(name string) string { return env[name] }
	c, err := config.Read(getenv)
	if err != nil {
		t.Fatal(err)
	}
	return config.ReadChat(getenv, c)
}

func TestReadChat(t *testing.T) {
	got, err := readChat(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Models) != 1 ||
		got.Models[0].Name != "gpt-4.1-mini" ||
		got.Models[0].Key != "sk" ||
		got.Models[0].API.BaseURL != "https://api.openai.com/v1" ||
		got.Streams ||
		got.Settings.AnswerTokens != 1024 ||
		got.Prices["gpt-4.1-mini"] != price.OpenAI["gpt-4.1-mini"] {
		t.Errorf("got %+v by default", got)
	}
	got, err = readChat(t, map[string]string{
		"RAGTIME_CHAT_MODEL":              "m",
		"RAGTIME_CHAT_PROVIDER":           "ollama",
		"RAGTIME_CHAT_BASE_URL":           "http://localhost:11434/v1",
		"RAGTIME_CHAT_API_KEY_SECRET":     "arn:chat",
		"RAGTIME_CHAT_SETTINGS":           "temperature=0.2, reasoning_effort=low,answer_tokens=500,passage_tokens=1000,window=8000,least_score=0.3",
		"RAGTIME_FALLBACK_MODEL":          "n",
		"RAGTIME_FALLBACK_PROVIDER":       "openai",
		"RAGTIME_FALLBACK_API_KEY_SECRET": "arn:fallback",
		"RAGTIME_PRICES":                  "m=1/2",
		"RAGTIME_STREAMING":               "yes",
		"RAGTIME_SYSTEM_PROMPT":           "Be kind.",
	})
	if err != nil {
		t.Fatal(err)
	}
	first, second := got.Models[0], got.Models[1]
	if first.Name != "m" ||
		first.API.Name != "ollama" ||
		first.API.BaseURL != "http://localhost:11434/v1" ||
		first.Key != "" ||
		first.KeySecret != "arn:chat" {
		t.Errorf("got first %+v", first)
	}
	if second.Name != "n" || second.API.BaseURL != "https://api.openai.com/v1" || second.KeySecret != "arn:fallback" {
		t.Errorf("got second %+v", second)
	}
	s := got.Settings
	if *s.Temperature != 0.2 ||
		s.ReasoningEffort != "low" ||
		s.AnswerTokens != 500 ||
		s.PassageTokens != 1000 ||
		s.Window != 8000 ||
		s.LeastScore != 0.3 ||
		!got.Streams ||
		got.Prices["m"] != (price.Price{Input: 1, Output: 2}) ||
		got.System != "Be kind." {
		t.Errorf("got %+v", got)
	}
	// The fallback differs from the first model only in what is set for it.
	got, err = readChat(t, map[string]string{"RAGTIME_CHAT_PROVIDER": "gemini", "RAGTIME_CHAT_MODEL": "m", "RAGTIME_FALLBACK_MODEL": "n"})
	if err != nil || got.Models[1].API.Name != "gemini" || got.Models[1].Name != "n" || got.Models[1].Key != "sk" {
		t.Errorf("got %+v and %v", got.Models, err)
	}
}

// Under `sam local` nothing is streamed. OpenAI's prices are for OpenAI only.
func TestReadChatElsewhere(t *testing.T) {
	if got, err := readChat(t, map[string]string{"RAGTIME_STREAMING": "yes", "AWS_SAM_LOCAL": "true", "AWS_LAMBDA_LOG_STREAM_NAME": "$LATEST"}); err != nil ||
		got.Streams {
		t.Errorf("got %+v and %v, want no streams", got, err)
	}
	if got, err := readChat(t, map[string]string{"RAGTIME_PROVIDER": "gemini"}); err != nil || len(got.Prices) != 0 {
		t.Errorf("got prices %v and %v, want none", got.Prices, err)
	}
}

func TestReadChatMistakes(t *testing.T) {
	for name, values := range map[string][]string{
		"RAGTIME_CHAT_SETTINGS": {"temperature=3", "temperature=x", "temperature=", "top_p=1", "answer_tokens=0", "answer_tokens=1.5", "window=100",
			"window=4000,passage_tokens=4000", "least_score=2", "=1"},
		"RAGTIME_CHAT_PROVIDER":          {"nobody", "azure"}, // which has no address of its own
		"RAGTIME_CHAT_BASE_URL":          {"http://elsewhere/v1", "x"},
		"RAGTIME_CHAT_PROVIDER_SETTINGS": {"max_tokens=1"},
		"RAGTIME_PRICES":                 {"m"},
		"RAGTIME_STREAMING":              {"true"},
	} {
		for _, v := range values {
			_, err := readChat(t, map[string]string{name: v})
			if err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(name, "_PROVIDER")) {
				t.Errorf("%s=%q: got %v, want a mistake that names it", name, v, err)
			}
		}
	}
}
