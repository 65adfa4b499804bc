// Package clients builds a function's remote clients from its configuration, without
// using the network.
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
	// A page of DynamoDB has 1 MB, which is about 3 MB of JSON where it is vectors.
	maxDynamoDBAnswer = 8 << 20
	// A secret has at most 64 KiB, and a byte of it may take six in JSON.
	maxSecretAnswer = 512 << 10
	// A stream has about 300 bytes for each token; thoughts are tokens too.
	maxChatAnswer = 32 << 20
)

// Clients are the remote clients of one function.
type Clients struct {
	Embedder *openai.Embedder
	Table    *dynamo.Table

	config config.Config
	keys   keys
}

// New builds the clients, over one transport.
func New(c config.Config) Clients {
	client := newHTTPClient(wire.Options{Resolver: c.Resolver})
	keys := keys{
		aws:     awsConfig(c, bounded.New(client, maxSecretAnswer), c.SecretsURL),
		secrets: map[string]openai.Key{},
	}
	key := keys.get(c.OpenAIKey, c.OpenAIKeySecret)
	embedder := openai.NewEmbedder(c.Provider, client, key, c.EmbeddingModel, c.Dimensions)
	table := dynamo.New(awsConfig(c, bounded.New(client, maxDynamoDBAnswer), c.DynamoDBURL), c.Table)
	return Clients{
		Embedder: embedder,
		Table:    table.In(embedder.Model()).Declare(c.FilterKeys...),
		config:   c,
		keys:     keys,
	}
}

// Generator builds the client of the chat models. It has a transport of its own, since a
// model that thinks is silent for longer than the other services may be.
func (c Clients) Generator(chat config.Chat) *openai.Generator {
	client := newHTTPClient(wire.Options{
		Resolver: c.config.Resolver,
		Limits:   wire.Limits{Receive: deadline.Cap, Body: maxChatAnswer},
	})
	var models []openai.Chat
	for _, m := range chat.Models {
		models = append(models, openai.Chat{
			API:             m.API,
			Key:             c.keys.get(m.Key, m.KeySecret),
			Model:           m.Name,
			Temperature:     chat.Settings.Temperature,
			ReasoningEffort: chat.Settings.ReasoningEffort,
		})
	}
	return openai.NewGenerator(client, chat.Settings.Window, models[0], models[1:]...)
}

// newHTTPClient makes a client that follows no redirect: none of these services sends one,
// and a credential must not go where a redirect points.
func newHTTPClient(o wire.Options) *http.Client {
	return &http.Client{
		Transport: wire.New(o),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// keys has one openai.Key for each secret, so that models with the same secret share it.
type keys struct {
	aws     aws.Config
	secrets map[string]openai.Key // by ARN
}

// get returns the fixed key, or where there is none the one in the secret.
func (k keys) get(fixed, arn string) openai.Key {
	if fixed != "" {
		return openai.FixedKey(fixed)
	}
	if k.secrets[arn] == nil {
		k.secrets[arn] = secret.New(k.aws, arn)
	}
	return k.secrets[arn]
}

// awsConfig is what config.LoadDefaultConfig would find in Lambda, where region and
// credentials are in the environment. It saves that function's milliseconds at cold start.
func awsConfig(c config.Config, client aws.HTTPClient, endpoint string) aws.Config {
	credentials := aws.Credentials{
		AccessKeyID:     c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey,
		SessionToken:    c.SessionToken,
	}
	provide := func(context.Context) (aws.Credentials, error) { return credentials, nil }
	cfg := aws.Config{
		Region:      c.Region,
		HTTPClient:  client,
		Credentials: aws.CredentialsProviderFunc(provide),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	if endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg
}
