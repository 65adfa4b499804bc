package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	adapter "ragtime/shared/dynamo"
	"ragtime/shared/rag"
	"ragtime/shared/rag/ragtest"
	"ragtime/shared/wire"
)

// The suite runs against implementations of DynamoDB that are not ours, too, at
// the URLs that these variables hold, with spaces between: those of the first
// have no vector index, those of the second do.
const (
	endpointsVariable = "RAGTIME_TEST_DYNAMODB_URLS"
	searchersVariable = "RAGTIME_TEST_DYNAMODB_SEARCH_URLS"
)

func TestStore(t *testing.T) {
	server := httptest.NewServer(open(t, ""))
	t.Cleanup(server.Close)
	create(t, clientOf(server.URL), passagesTable("ragtime"))
	ragtest.Store(t, func(t *testing.T) rag.Store { return storeAt(t, server.URL, "ragtime") }, ragtest.Options{})
}

// declared are keys of the suite's metadata.
var declared = []string{"year", "empty", "lang", "draft", "and"}

// The same contract holds where the index compares keys of the suite's metadata.
func TestStoreWithDeclaredKeys(t *testing.T) {
	server := httptest.NewServer(open(t, ""))
	t.Cleanup(server.Close)
	create(t, clientOf(server.URL), passagesTable("ragtime"))
	ragtest.Store(t, func(t *testing.T) rag.Store {
		return storeAt(t, server.URL, "ragtime").Declare(declared...)
	}, ragtest.Options{})
}

func TestStoreElsewhere(t *testing.T) {
	for _, url := range elsewhere(t, endpointsVariable) {
		t.Run(url, func(t *testing.T) {
			in := passagesTable("ragtime-test-" + rand.Text())
			in.VectorIndexes = nil
			in.AttributeDefinitions = slices.DeleteFunc(in.AttributeDefinitions, func(a types.AttributeDefinition) bool {
				return !slices.ContainsFunc(in.KeySchema, func(k types.KeySchemaElement) bool { return *k.AttributeName == *a.AttributeName })
			})
			storeElsewhere(t, url, in, ragtest.Options{SkipSearch: true})
		})
	}
}

func TestSearchElsewhere(t *testing.T) {
	for _, url := range elsewhere(t, searchersVariable) {
		t.Run(url, func(t *testing.T) {
			storeElsewhere(t, url, passagesTable("ragtime-test-"+rand.Text()), ragtest.Options{})
		})
		t.Run(url+" with declared keys", func(t *testing.T) {
			storeElsewhere(t, url, passagesTable("ragtime-test-"+rand.Text()), ragtest.Options{}, declared...)
		})
	}
}

// TestConsumedCapacityElsewhere: others count as we do.
func TestConsumedCapacityElsewhere(t *testing.T) {
	for _, url := range elsewhere(t, searchersVariable) {
		t.Run(url, func(t *testing.T) { testConsumption(t, forwarder(url, &http.Client{Transport: closing(t)})) })
	}
}

func elsewhere(t *testing.T, variable string) []string {
	urls := strings.Fields(os.Getenv(variable))
	if len(urls) == 0 {
		t.Skipf("set %s to the URLs of DynamoDB endpoints to run this there", variable)
	}
	return urls
}

func storeElsewhere(t *testing.T, url string, in *dynamodb.CreateTableInput, o ragtest.Options, declared ...string) {
	client := dynamodb.NewFromConfig(config(url, closing(t)))
	create(t, client, in)
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: in.TableName}); err != nil {
			t.Errorf("delete the test's table: %v", err)
		}
	})
	// Some take a moment until a table is there.
	err := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 100 * time.Millisecond }).
		Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: in.TableName}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if o.SkipRepeatedReplace = !tellsWhatItMet(t, client, in); o.SkipRepeatedReplace {
		t.Log("left out: \"a replacement twice\", for the endpoint ignores ReturnValuesOnConditionCheckFailure")
	}
	ragtest.Store(t, func(t *testing.T) rag.Store { return storeAt(t, url, *in.TableName).Declare(declared...) }, o)
}

// tellsWhatItMet reports whether a condition that fails gives the item that it
// met. DynamoDB does so since 2023; dynalite 4 does not.
func tellsWhatItMet(t *testing.T, client *dynamodb.Client, in *dynamodb.CreateTableInput) bool {
	put := &dynamodb.PutItemInput{TableName: in.TableName, Item: attrs{},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	for _, k := range in.KeySchema {
		put.Item[*k.AttributeName] = str("condition")
	}
	if _, err := client.PutItem(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	put.ConditionExpression = aws.String("attribute_not_exists(" + *in.KeySchema[0].AttributeName + ")")
	_, err := client.PutItem(t.Context(), put)
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		t.Fatalf("got %v, want a failed condition", err)
	}
	return len(failed.Item) > 0
}

// forwarder serves what the endpoint at the URL answers.
func forwarder(url string, client *http.Client) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ask, err := http.NewRequestWithContext(r.Context(), r.Method, url, r.Body)
		if err != nil {
			panic(err)
		}
		ask.Header = r.Header.Clone()
		ask.Header.Set("Content-Type", "application/x-amz-json-1.0")
		ask.ContentLength = r.ContentLength
		ask.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00")
		ask.Header.Set("X-Amz-Date", "20260101T000000Z")
		answer, err := client.Do(ask)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	})
}

// closing is a transport whose connections go with the test.
func closing(t testing.TB) http.RoundTripper {
	transport := wire.New(wire.Options{})
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func storeAt(t testing.TB, url, table string) *adapter.Table {
	return adapter.New(config(url, closing(t)), table)
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
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
		VectorIndexes: []types.VectorIndex{{
			IndexName:        aws.String(adapter.Index),
			Dimensions:       aws.Int64(ragtest.Dimensions),
			DistanceFunction: types.VectorDistanceFunction("COSINE"),
			VectorAttribute:  &types.VectorAttributeDefinition{AttributeName: aws.String("embedding")},
			Projection:       &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"text", "context", "version", "n"}},
			SearchSchema: []types.SearchSchemaElement{
				{AttributeName: aws.String("tenant"), SearchSchemaElementType: types.SearchSchemaElementTypeHash},
				{AttributeName: aws.String("document_id"), SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter},
				{AttributeName: aws.String("collection"), SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter},
			},
		}},
	}
	attributes := []string{"pk", "sk", "tenant", "document_id", "collection"}
	for n := range 8 {
		name := fmt.Sprintf("filter_%d", n+1)
		attributes = append(attributes, name)
		in.VectorIndexes[0].SearchSchema = append(in.VectorIndexes[0].SearchSchema, types.SearchSchemaElement{
			AttributeName: &name, SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter})
	}
	for _, attribute := range attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: &attribute, AttributeType: types.ScalarAttributeTypeS})
	}
	return in
}
