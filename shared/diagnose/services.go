package diagnose

import (
	"net/url"
	"strings"

	"ragtime/shared/config"
	"ragtime/shared/fault"
)

// Services are the remote services that functions of this configuration, which
// config.Read has checked, call: OpenAI; DynamoDB, whose vector search has a host
// of its own unless AWS_ENDPOINT_URL_DYNAMODB names one for both; and Secrets
// Manager, if the key is there.
func Services(c config.Config) []Service {
	services := []Service{{"openai", fault.StepEmbed, parse(c.Provider.BaseURL).JoinPath("models")}}
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

// parse takes of a URL what tells where a service is. Credentials, in a user or
// in a query, stay behind.
func parse(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		return &url.URL{Scheme: "https", Host: raw}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
}

// aws is the root of an AWS service, as the SDK finds it without being told.
func aws(service, region string) *url.URL {
	suffix := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	return &url.URL{Scheme: "https", Host: service + "." + region + "." + suffix, Path: "/"}
}
