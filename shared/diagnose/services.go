package diagnose

import (
	"net/url"
	"slices"
	"strings"

	"ragtime/shared/config"
	"ragtime/shared/fault"
	"ragtime/shared/provider"
)

// Services are the remote services that the functions call with this configuration, which
// must be one that config.Read and config.ReadChat returned without an error: OpenAI; the
// chat models' providers, if they are others; DynamoDB, whose vector search has a host of
// its own unless AWS_ENDPOINT_URL_DYNAMODB names one for both; and Secrets Manager, if
// the key is there.
func Services(c config.Config, chat config.Chat) []Service {
	services := []Service{{"openai", fault.StepEmbed, models(c.Provider)}}
	for i, m := range chat.Models {
		s := Service{[]string{"chat", "chat-fallback"}[i], fault.StepGenerate, models(m.API)}
		known := func(other Service) bool { return *other.URL == *s.URL }
		if !slices.ContainsFunc(services, known) {
			services = append(services, s)
		}
	}
	if c.DynamoDBURL != "" {
		services = append(services, Service{"dynamodb", fault.StepRead, parse(c.DynamoDBURL)})
	} else {
		services = append(services, Service{"dynamodb", fault.StepRead, aws("dynamodb", c.Region)},
			Service{"search-dynamodb", fault.StepSearch, aws("search-dynamodb", c.Region)})
	}
	if c.OpenAIKey == "" {
		u := aws("secretsmanager", c.Region)
		if c.SecretsURL != "" {
			u = parse(c.SecretsURL)
		}
		services = append(services, Service{"secretsmanager", fault.StepSecret, u})
	}
	return services
}

// models is the URL of a provider's list of models, which costs no tokens.
func models(a provider.API) *url.URL { return parse(a.BaseURL).JoinPath("models") }

// parse reads a URL, and drops user and query, which may be credentials.
func parse(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		return &url.URL{Scheme: "https", Host: raw}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
}

// aws is the SDK's default endpoint of an AWS service.
func aws(service, region string) *url.URL {
	suffix := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	return &url.URL{Scheme: "https", Host: service + "." + region + "." + suffix, Path: "/"}
}
