package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"ragtime/shared/wire"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDirVariable); dir != "" {
		serveUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// The names that the tests write in.
type attrs = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
func lst(v ...types.AttributeValue) types.AttributeValue {
	return &types.AttributeValueMemberL{Value: v}
}
func obj(m attrs) types.AttributeValue      { return &types.AttributeValueMemberM{Value: m} }
func vec(v ...float32) types.AttributeValue { return lst(nums(v...)...) }
func nums(v ...float32) []types.AttributeValue {
	out := make([]types.AttributeValue, len(v))
	for i, f := range v {
		out[i] = num(fmt.Sprint(f))
	}
	return out
}

// start serves a new database in memory, and gives a client of it.
func start(t testing.TB) *dynamodb.Client {
	t.Helper()
	return serve(t, open(t, ""))
}

func open(t testing.TB, dir string) *DB {
	t.Helper()
	db, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func serve(t testing.TB, db *DB) *dynamodb.Client {
	t.Helper()
	server := httptest.NewServer(db)
	t.Cleanup(server.Close)
	return clientOf(server.URL)
}

func clientOf(url string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
		RetryMaxAttempts: 1,
		HTTPClient:       &http.Client{Transport: wire.New(wire.Options{})},
	})
}

// plainTable is a table with keys pk and sk.
func plainTable(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
	}
}

// vectorTable is a plainTable with an index "near" on the attribute embedding:
// HASH pk, inline filters doc and group, projection as given.
func vectorTable(name string, dimensions int64, projection types.Projection) *dynamodb.CreateTableInput {
	in := plainTable(name)
	in.AttributeDefinitions = append(in.AttributeDefinitions,
		types.AttributeDefinition{AttributeName: aws.String("doc"), AttributeType: types.ScalarAttributeTypeS},
		types.AttributeDefinition{AttributeName: aws.String("group"), AttributeType: types.ScalarAttributeTypeS})
	in.VectorIndexes = []types.VectorIndex{{
		IndexName:        aws.String("near"),
		Dimensions:       &dimensions,
		DistanceFunction: types.VectorDistanceFunction("COSINE"),
		VectorAttribute:  &types.VectorAttributeDefinition{AttributeName: aws.String("embedding")},
		Projection:       &projection,
		SearchSchema: []types.SearchSchemaElement{
			{AttributeName: aws.String("pk"), SearchSchemaElementType: types.SearchSchemaElementTypeHash},
			{AttributeName: aws.String("doc"), SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter},
			{AttributeName: aws.String("group"), SearchSchemaElementType: types.SearchSchemaElementTypeInlineFilter},
		},
	}}
	return in
}

var allProjected = types.Projection{ProjectionType: types.ProjectionTypeAll}

func create(t testing.TB, c *dynamodb.Client, in *dynamodb.CreateTableInput) {
	t.Helper()
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, c *dynamodb.Client, table string, it attrs) {
	t.Helper()
	if _, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it}); err != nil {
		t.Fatal(err)
	}
}

// get reads the item pk, sk of a plainTable; nil if there is none.
func get(t testing.TB, c *dynamodb.Client, table, pk, sk string) attrs {
	t.Helper()
	out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: attrs{"pk": str(pk), "sk": str(sk)}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// wantError checks that err is DynamoDB's answer "code: message".
func wantError(t testing.TB, err error, want string) {
	t.Helper()
	var e smithy.APIError
	got := fmt.Sprint(err)
	if errors.As(err, &e) {
		got = e.ErrorCode() + ": " + e.ErrorMessage()
	}
	if got != want {
		t.Errorf("got error\n\t%s\nwant\n\t%s", got, want)
	}
}
