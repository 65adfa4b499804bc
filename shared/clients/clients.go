// Package clients builds a function's remote clients from its configuration,
// all over one transport. Building asks nothing of the network.
package clients

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	"ragtime/shared/bounded"
	"ragtime/shared/config"
	"ragtime/shared/deadline"
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
	// A stream has some 300 bytes for each token, thoughts included.
	mostOfChat = 32 << 20
)

// Clients are what a handler works with.
type Clients struct {
	Embedder *openai.Embedder
	Table    *dynamo.Table

	config config.Config
	client *http.Client
	key    openai.Key // of the embedder
}

// New builds the clients. Redirects are not followed: none of these services
// sends any, and a credential must not travel to where a redirect points.
func New(c config.Config) Clients {
	client := over(wire.Options{Resolver: c.Resolver})
	key := keyOf(c, client, c.OpenAIKey, c.OpenAIKeySecret)
	embedder := openai.New(c.Provider, client, key, c.EmbeddingModel, c.Dimensions)
	table := dynamo.New(awsConfig(c, bounded.New(client, mostOfDynamoDB), c.DynamoDBURL), c.Table)
	return Clients{Embedder: embedder, Table: table.In(embedder.Model()).Declare(c.FilterKeys...), config: c, client: client, key: key}
}

// Generator builds the client of the chat models, over a transport of its own: a
// model that thinks is silent for longer than any other service may be.
func (c Clients) Generator(chat config.Chat) *openai.Generator {
	client := over(wire.Options{Resolver: c.config.Resolver, Limits: wire.Limits{Receive: deadline.Cap, Body: mostOfChat}})
	var models []openai.Chat
	for _, m := range chat.Models {
		key := c.key
		if m.Key != c.config.OpenAIKey || m.KeySecret != c.config.OpenAIKeySecret {
			key = keyOf(c.config, c.client, m.Key, m.KeySecret)
		}
		models = append(models, openai.Chat{API: m.API, Key: key, Model: m.Name,
			Temperature: chat.Settings.Temperature, ReasoningEffort: chat.Settings.ReasoningEffort})
	}
	return openai.NewGenerator(client, chat.Settings.Window, models[0], models[1:]...)
}

func over(o wire.Options) *http.Client {
	return &http.Client{Transport: wire.New(o), CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// keyOf is the fixed key, or the one in the secret.
func keyOf(c config.Config, client *http.Client, fixed, arn string) openai.Key {
	if fixed != "" {
		return openai.Fixed(fixed)
	}
	return secret.New(awsConfig(c, bounded.New(client, mostOfSecrets), c.SecretsURL), arn)
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
