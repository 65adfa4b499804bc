package provider_test

import (
	"strings"
	"testing"

	"ragtime/shared/provider"
)

func TestAt(t *testing.T) {
	tests := []struct{ preset, settings, url, base, query, space string }{
		{"openai", "", "", "https://api.openai.com/v1", "", "openai"},
		{"openai", "", "https://api.openai.com/v1/", "https://api.openai.com/v1", "", "openai"},
		{"openai", "", "https://Gateway.example:8443/v1//", "https://Gateway.example:8443/v1", "", "gateway.example"},
		{"openai", "", "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1", "", "127.0.0.1"},
		{"openai", "", "http://[::1]:8080", "http://[::1]:8080", "", "::1"},
		{"ollama", "", "http://localhost:11434/v1", "http://localhost:11434/v1", "", "ollama"},
		{"vllm", "plaintext=yes", "http://vllm.internal:8000/v1", "http://vllm.internal:8000/v1", "", "vllm"},
		{"gemini", "", "", "https://generativelanguage.googleapis.com/v1beta/openai", "", "gemini"},
		{"azure", "", "https://r.openai.azure.com/openai/deployments/my%20model?api-version=2024-10-21",
			"https://r.openai.azure.com/openai/deployments/my%20model", "api-version=2024-10-21", "azure"},
	}
	for _, tt := range tests {
		api, err := provider.Preset(tt.preset)
		if err != nil {
			t.Fatal(err)
		}
		if api, err = api.With(tt.settings); err != nil {
			t.Fatal(err)
		}
		got, err := api.WithBaseURL(tt.url)
		if err != nil || got.BaseURL != tt.base || got.Query.Encode() != tt.query || got.Space() != tt.space {
			t.Errorf("%s at %q is %q, query %q, space %q, %v; want %q, %q, %q", tt.preset, tt.url,
				got.BaseURL, got.Query.Encode(), got.Space(), err, tt.base, tt.query, tt.space)
		}
	}
}

func TestAtRefuses(t *testing.T) {
	tests := []struct{ preset, url, want string }{
		{"azure", "", "is not set"},
		{"openai", "localhost:8080/v1", "is not an http or https URL"},
		{"openai", "ftp://host/v1", "is not an http or https URL"},
		{"openai", "https://", "is not an http or https URL"},
		{"openai", "http://gateway.example/v1", "would go to gateway.example unencrypted"},
		{"openai", "http://127.0.0.1.example/v1", "unencrypted"},
		{"openai", "https://user:sk-1@gateway.example/v1", "has a user or password in it"},
		{"openai", "https://gateway.example/v1#x", "has a fragment"},
		{"openai", "https://gateway.example/v1?a=%zz", "has a query that cannot be read"},
	}
	for _, tt := range tests {
		api, _ := provider.Preset(tt.preset)
		if _, err := api.WithBaseURL(tt.url); err == nil ||
			!strings.Contains(err.Error(), tt.want) ||
			strings.Contains(err.Error(), "sk-1") {
			t.Errorf("%s at %q: %v, want %q, and no secret", tt.preset, tt.url, err, tt.want)
		}
	}
}
