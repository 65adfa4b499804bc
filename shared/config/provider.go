package config

import (
	"fmt"

	"ragtime/shared/provider"
)

// readProvider reads the API of the embeddings. It returns all mistakes.
func readProvider(getenv func(string) string) (provider.API, []error) {
	name := getenv("RAGTIME_PROVIDER")
	changes := getenv("RAGTIME_PROVIDER_SETTINGS")
	baseURL := getenv("OPENAI_BASE_URL")
	api, err := provider.Preset(name)
	if err != nil {
		return api, []error{fmt.Errorf("RAGTIME_PROVIDER: %w", err)}
	}
	var mistakes []error
	api, err = api.With(changes)
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("RAGTIME_PROVIDER_SETTINGS: %w", err))
	}
	at, err := api.WithBaseURL(baseURL)
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("OPENAI_BASE_URL %w", err))
	}
	return at, mistakes
}
