// Package config reads a function's configuration from its environment.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"ragtime/shared/provider"
)

// Config is what every function needs to know. A comment has the variable's name and,
// after a semicolon, what an unset variable means.
type Config struct {
	Region          string       // AWS_REGION
	Table           string       // RAGTIME_TABLE
	OpenAIKey       string       // OPENAI_API_KEY; empty where the key is in a secret
	OpenAIKeySecret string       // OPENAI_API_KEY_SECRET: the secret's ARN
	EmbeddingModel  string       // RAGTIME_EMBEDDING_MODEL; text-embedding-3-small
	Dimensions      int          // RAGTIME_EMBEDDING_DIMENSIONS, those of the table's vector index; 1536
	Provider        provider.API // RAGTIME_PROVIDER, RAGTIME_PROVIDER_SETTINGS, OPENAI_BASE_URL; OpenAI's own
	DynamoDBURL     string       // AWS_ENDPOINT_URL_DYNAMODB; empty for AWS's own
	Resolver        string       // RAGTIME_RESOLVER: host:port of DNS servers, with commas between; the system's
	SecretsURL      string       // AWS_ENDPOINT_URL_SECRETS_MANAGER; empty for AWS's own

	Tenancy Tenancy // RAGTIME_TENANT_FROM; account

	// RAGTIME_FILTER_KEYS: the metadata keys that the vector index compares, with commas
	// between; none. There are at most 8.
	FilterKeys []string

	// AWS_XRAY_DAEMON_ADDRESS; no tracing. Lambda sets it to an IP address and port where
	// tracing is on, so that a function asks no resolver when it starts.
	XRayDaemon netip.AddrPort

	// Lambda sets these.
	AccessKeyID     string // AWS_ACCESS_KEY_ID
	SecretAccessKey string // AWS_SECRET_ACCESS_KEY
	SessionToken    string // AWS_SESSION_TOKEN
}

// Read builds a Config with getenv (os.Getenv). The error has all mistakes.
func Read(getenv func(string) string) (Config, error) {
	var mistakes []error
	required := func(name string) string {
		v := getenv(name)
		if v == "" {
			mistakes = append(mistakes, fmt.Errorf("%s is not set", name))
		}
		return v
	}
	orDefault := func(name, fallback string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return fallback
	}
	checkURL := func(name, v string) string {
		u, err := url.Parse(v)
		if v != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			mistakes = append(mistakes, fmt.Errorf("%s=%q is not an http or https URL", name, v))
		}
		return v
	}
	c := Config{
		Region:          required("AWS_REGION"),
		Table:           required("RAGTIME_TABLE"),
		OpenAIKey:       strings.TrimSpace(getenv("OPENAI_API_KEY")),
		OpenAIKeySecret: getenv("OPENAI_API_KEY_SECRET"),
		EmbeddingModel:  orDefault("RAGTIME_EMBEDDING_MODEL", "text-embedding-3-small"),
		DynamoDBURL:     checkURL("AWS_ENDPOINT_URL_DYNAMODB", getenv("AWS_ENDPOINT_URL_DYNAMODB")),
		SecretsURL:      checkURL("AWS_ENDPOINT_URL_SECRETS_MANAGER", getenv("AWS_ENDPOINT_URL_SECRETS_MANAGER")),
		AccessKeyID:     required("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: required("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    getenv("AWS_SESSION_TOKEN"),
	}
	var errs []error
	c.Provider, errs = readProvider(getenv)
	mistakes = append(mistakes, errs...)
	if c.Resolver = getenv("RAGTIME_RESOLVER"); c.Resolver != "" {
		for server := range strings.SplitSeq(c.Resolver, ",") {
			if _, _, err := net.SplitHostPort(server); err != nil {
				mistakes = append(mistakes, fmt.Errorf("RAGTIME_RESOLVER=%q is not host:port, or several with commas between", c.Resolver))
			}
		}
	}
	if v := getenv("AWS_XRAY_DAEMON_ADDRESS"); v != "" {
		var err error
		if c.XRayDaemon, err = netip.ParseAddrPort(v); err != nil {
			mistakes = append(mistakes, fmt.Errorf("AWS_XRAY_DAEMON_ADDRESS=%q is not an IP address and port", v))
		}
	}
	dimensions := orDefault("RAGTIME_EMBEDDING_DIMENSIONS", "1536")
	var err error
	if c.Dimensions, err = strconv.Atoi(dimensions); err != nil || c.Dimensions < 1 || c.Dimensions > 4096 {
		mistakes = append(mistakes, fmt.Errorf("RAGTIME_EMBEDDING_DIMENSIONS=%q is not a number from 1 to 4096", dimensions))
	}
	if c.Tenancy, err = readTenancy(getenv); err != nil {
		mistakes = append(mistakes, err)
	}
	if c.FilterKeys, err = parseFilterKeys(getenv("RAGTIME_FILTER_KEYS")); err != nil {
		mistakes = append(mistakes, fmt.Errorf("RAGTIME_FILTER_KEYS: %w", err))
	}
	if c.OpenAIKey == "" && c.OpenAIKeySecret == "" {
		mistakes = append(mistakes, errors.New("neither OPENAI_API_KEY nor OPENAI_API_KEY_SECRET is set"))
	}
	return c, errors.Join(mistakes...)
}
