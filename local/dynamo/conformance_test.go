package dynamo

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	adapter "ragtime/shared/dynamo"
	"ragtime/shared/rag"
	"ragtime/shared/rag/ragtest"
	"ragtime/shared/wire"
)

// endpointVariable names another DynamoDB endpoint to run the suite against.
const endpointVariable = "RAGTIME_TEST_DYNAMODB_URL"

func TestStore(t *testing.T) {
	server := httptest.NewServer(open(t, ""))
	t.Cleanup(server.Close)
	create(t, clientOf(server.URL), passagesTable("ragtime"))
	ragtest.Store(t, func(t *testing.T) rag.Store { return storeAt(t, server.URL, "ragtime") }, ragtest.Options{})
}

// TestStoreElsewhere holds the adapter against an implementation of DynamoDB
// that is not ours. Others have no vector index yet, so search is left out.
func TestStoreElsewhere(t *testing.T) {
	url := os.Getenv(endpointVariable)
	if url == "" {
		t.Skipf("set %s to the URL of a DynamoDB endpoint to run the suite there", endpointVariable)
	}
	in := passagesTable("ragtime-test-" + rand.Text())
	in.VectorIndexes, in.AttributeDefinitions = nil, in.AttributeDefinitions[:2]
	transport := wire.New(wire.Options{})
	t.Cleanup(transport.CloseIdleConnections)
	client := dynamodb.NewFromConfig(config(url, transport))
	create(t, client, in)
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: in.TableName}); err != nil {
			t.Errorf("delete the test's table: %v", err)
		}
	})
	ragtest.Store(t, func(t *testing.T) rag.Store { return storeAt(t, url, *in.TableName) }, ragtest.Options{SkipSearch: true})
}

func storeAt(t testing.TB, url, table string) *adapter.Table {
	transport := wire.New(wire.Options{})
	t.Cleanup(transport.CloseIdleConnections)
	return adapter.New(config(url, transport), table)
}

func config(url string, transport http.RoundTripper) aws.Config {
	return aws.Config{
		Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		BaseEndpoint: &url,
		HTTPClient:   &http.Client{Transport: transport},
	}
}

// passagesTable is the table of template.yaml, for the suite's embeddings.
func passagesTable(name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("tenant"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
		VectorIndexes: []types.VectorIndex{{
			IndexName:        aws.String(adapter.Index),
			Dimensions:       aws.Int64(ragtest.Dimensions),
			DistanceFunction: types.VectorDistanceFunction("COSINE"),
			VectorAttribute:  &types.VectorAttributeDefinition{AttributeName: aws.String("embedding")},
			Projection:       &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"text", "version", "n"}},
			SearchSchema: []types.SearchSchemaElement{
				{AttributeName: aws.String("tenant"), SearchSchemaElementType: types.SearchSchemaElementTypeHash},
				{AttributeName: aws.String("document_id"), SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter},
				{AttributeName: aws.String("collection"), SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter},
			},
		}},
	}
	for _, attribute := range []string{"tenant", "sk", "document_id", "collection"} {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: &attribute, AttributeType: types.ScalarAttributeTypeS})
	}
	return in
}
