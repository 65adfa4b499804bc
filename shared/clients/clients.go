// Package clients builds a function's remote clients from its configuration,
// all over one transport. Building asks nothing of the network.
package clients

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	"ragtime/shared/bounded"
	"ragtime/shared/config"
	"ragtime/shared/dynamo"
	"ragtime/shared/openai"
	"ragtime/shared/secret"
	"ragtime/shared/wire"
)

// The largest answers, in bytes.
const (
	// DynamoDB's page of 1 MB has about three times that in JSON where it is vectors.
	mostOfDynamoDB = 8 << 20
	// A secret has at most 64 KiB, which JSON may write with six bytes each.
	mostOfSecrets = 512 << 10
)

// Clients are what a handler works with.
type Clients struct {
	Embedder *openai.Embedder
	Table    *dynamo.Table
}

// New builds the clients. Redirects are not followed: none of these services
// sends any, and a credential must not travel to where a redirect points.
func New(c config.Config) Clients {
	client := &http.Client{Transport: wire.New(wire.Options{Resolver: c.Resolver}), CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	var key openai.Key = openai.Fixed(c.OpenAIKey)
	if c.OpenAIKey == "" {
		key = secret.New(awsConfig(c, bounded.New(client, mostOfSecrets), c.SecretsURL), c.OpenAIKeySecret)
	}
	embedder := openai.New(c.Provider, client, key, c.EmbeddingModel, c.Dimensions)
	table := dynamo.New(awsConfig(c, bounded.New(client, mostOfDynamoDB), c.DynamoDBURL), c.Table)
	return Clients{Embedder: embedder, Table: table.In(embedder.Model())}
}

// awsConfig is what config.LoadDefaultConfig would find in Lambda, without its
// milliseconds at cold start: region and credentials are in the environment.
func awsConfig(c config.Config, client aws.HTTPClient, endpoint string) aws.Config {
	credentials := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	cfg := aws.Config{Region: c.Region, HTTPClient: client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} }}
	if endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg
}
