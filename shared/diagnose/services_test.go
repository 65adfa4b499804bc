package diagnose_test

import (
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"ragtime/shared/config"
	"ragtime/shared/diagnose"
	"ragtime/shared/provider"
)

func names(c config.Config, chat config.Chat) map[string]string {
	out := map[string]string{}
	for _, s := range diagnose.Services(c, chat) {
		out[s.Name] = s.URL.String()
	}
	return out
}

func TestServices(t *testing.T) {
	c := config.Config{Region: "eu-west-1", Provider: provider.API{BaseURL: "https://user:secret@gateway.example:8443/v1?key=secret"}, OpenAIKey: "k"}
	want := map[string]string{"openai": "https://gateway.example:8443/v1/models", "dynamodb": "https://dynamodb.eu-west-1.amazonaws.com/",
		"search-dynamodb": "https://search-dynamodb.eu-west-1.amazonaws.com/"}
	if d := cmp.Diff(names(c, config.Chat{}), want); d != "" {
		t.Errorf("a key in the environment (-got +want):\n%s", d)
	}
	c.OpenAIKey = ""
	c.OpenAIKeySecret = "arn"
	c.DynamoDBURL = "https://dynamodb.test:1"
	c.SecretsURL = "https://secretsmanager.test:1"
	want = map[string]string{"openai": want["openai"], "dynamodb": c.DynamoDBURL, "secretsmanager": c.SecretsURL}
	if d := cmp.Diff(names(c, config.Chat{}), want); d != "" {
		t.Errorf("a key in a secret, and other endpoints (-got +want):\n%s", d)
	}
}

// A chat model at another URL than the embeddings' is a service of its own.
func TestServicesOfChat(t *testing.T) {
	at := func(url string) config.ChatModel { return config.ChatModel{API: provider.API{BaseURL: url}} }
	c := config.Config{Provider: at("https://api.openai.com/v1").API, OpenAIKey: "k", DynamoDBURL: "https://dynamodb.test"}
	for name, test := range map[string]struct {
		chat config.Chat
		want map[string]string
	}{
		"the same provider": {config.Chat{Models: []config.ChatModel{at("https://api.openai.com/v1"), at("https://api.openai.com/v1")}}, nil},
		"another one": {config.Chat{Models: []config.ChatModel{at("https://chat.test/v1")}},
			map[string]string{"chat": "https://chat.test/v1/models"}},
		"another one as fallback": {config.Chat{Models: []config.ChatModel{at("https://api.openai.com/v1"), at("https://chat.test/v1")}},
			map[string]string{"chat-fallback": "https://chat.test/v1/models"}},
		"both": {config.Chat{Models: []config.ChatModel{at("https://chat.test/v1"), at("https://chat.test/v2")}},
			map[string]string{"chat": "https://chat.test/v1/models", "chat-fallback": "https://chat.test/v2/models"}},
	} {
		want := map[string]string{"openai": "https://api.openai.com/v1/models", "dynamodb": "https://dynamodb.test"}
		maps.Copy(want, test.want)
		if d := cmp.Diff(names(c, test.chat), want); d != "" {
			t.Errorf("%s (-got +want):\n%s", name, d)
		}
	}
}

// The hosts are those of the SDK's own endpoint rules.
func TestServicesAreWhereTheSDKFindsThem(t *testing.T) {
	for _, region := range []string{"us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"} {
		find := func(search bool) string {
			e, err := dynamodb.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(),
				dynamodb.EndpointParameters{Region: &region, UseFIPS: aws.Bool(false), UseDualStack: aws.Bool(false), IsSearchOperation: &search})
			if err != nil {
				t.Fatal(err)
			}
			return e.URI.String() + "/"
		}
		secrets, err := secretsmanager.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(),
			secretsmanager.EndpointParameters{Region: &region, UseFIPS: aws.Bool(false), UseDualStack: aws.Bool(false)})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"openai": "https://api.openai.com/v1/models", "dynamodb": find(false), "search-dynamodb": find(true), "secretsmanager": secrets.URI.String() + "/"}
		if d := cmp.Diff(names(config.Config{Region: region, Provider: provider.API{BaseURL: "https://api.openai.com/v1"}}, config.Chat{}), want); d != "" {
			t.Errorf("%s (-got +want):\n%s", region, d)
		}
	}
}
