package dynamo

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTables(t *testing.T) {
	c := start(t)
	for _, name := range []string{"ccc", "aaa", "bbb"} {
		create(t, c, plainTable(name))
	}
	out, err := c.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aaa", "bbb", "ccc"}, out.TableNames); diff != "" {
		t.Errorf("tables differ (-want +got):\n%s", diff)
	}

	_, err = c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: ptr("ddd")})
	wantError(t, err, "ResourceNotFoundException: Requested resource not found: Table: ddd not found")
	_, err = c.CreateTable(t.Context(), plainTable("aaa"))
	wantError(t, err, "ResourceInUseException: Table already exists: aaa")
}

func TestDescribeTable(t *testing.T) {
	c := start(t)
	in := vectorTable("vectors", 3, types.Projection{ProjectionType: "INCLUDE", NonKeyAttributes: []string{"text"}})
	create(t, c, in)
	put(t, c, "vectors", attrs{"pk": str("a"), "sk": str("b"), "embedding": vec(1, 2, 3)})
	put(t, c, "vectors", attrs{"pk": str("a"), "sk": str("c")})
	waiter := dynamodb.NewTableExistsWaiter(c)
	out, err := waiter.WaitForOutput(t.Context(), &dynamodb.DescribeTableInput{TableName: ptr("vectors")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	got := out.Table
	if *got.ItemCount != 2 || got.TableStatus != "ACTIVE" || got.BillingModeSummary.BillingMode != "PAY_PER_REQUEST" || time.Since(*got.CreationDateTime) > time.Hour {
		t.Errorf("got %d items, %s, %s, made %v", *got.ItemCount, got.TableStatus, got.BillingModeSummary.BillingMode, got.CreationDateTime)
	}
	unexported := cmpopts.IgnoreUnexported(types.KeySchemaElement{}, types.AttributeDefinition{}, types.VectorIndexDescription{},
		types.Projection{}, types.SearchSchemaElement{}, types.VectorAttributeDefinition{})
	if diff := cmp.Diff(in.KeySchema, got.KeySchema, unexported); diff != "" {
		t.Errorf("key schema (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(in.AttributeDefinitions, got.AttributeDefinitions, unexported); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	want := in.VectorIndexes[0]
	index := types.VectorIndexDescription{
		IndexName: want.IndexName, IndexArn: aws.String(tableARN + "vectors/index/near"), IndexStatus: "ACTIVE",
		Dimensions: want.Dimensions, DistanceFunction: want.DistanceFunction, VectorAttribute: want.VectorAttribute,
		Projection: want.Projection, SearchSchema: want.SearchSchema, ItemCount: ptr(int64(1)), IndexSizeBytes: ptr(int64(27)), // 3 numbers of 4 bytes, and the names and values of embedding, pk and sk
	}
	if diff := cmp.Diff([]types.VectorIndexDescription{index}, got.VectorIndexes, unexported); diff != "" {
		t.Errorf("vector indexes (-want +got):\n%s", diff)
	}
}

func TestCreateTableErrors(t *testing.T) {
	c := start(t)
	const bad, no = "One or more parameter values were invalid: ", "this endpoint does not support "
	vector := func(change func(*types.VectorIndex)) *dynamodb.CreateTableInput {
		in := vectorTable("table", 4, allProjected)
		change(&in.VectorIndexes[0])
		return in
	}
	plain := func(change func(*dynamodb.CreateTableInput)) *dynamodb.CreateTableInput {
		in := plainTable("table")
		change(in)
		return in
	}
	tests := []struct {
		name string
		in   *dynamodb.CreateTableInput
		want string
	}{
		{"bad name", plain(func(in *dynamodb.CreateTableInput) { in.TableName = ptr("a b c") }),
			"1 validation error detected: Value at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{"provisioned", plain(func(in *dynamodb.CreateTableInput) { in.BillingMode = "PROVISIONED" }), no + "the BillingMode PROVISIONED"},
		{"number key", plain(func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions[1].AttributeType = "N" }), no + "a key or filter of type N"},
		{"undefined key", plain(func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions = in.AttributeDefinitions[:1] }),
			bad + "Some index key attributes are not defined in AttributeDefinitions: sk"},
		{"no range", plain(func(in *dynamodb.CreateTableInput) { in.KeySchema = in.KeySchema[:1] }), no + "a KeySchema that is not of a HASH and a RANGE"},
		{"range first", plain(func(in *dynamodb.CreateTableInput) { in.KeySchema[0].KeyType = "RANGE" }), no + "a KeySchema that is not of a HASH and a RANGE"},
		{"dimensions", vector(func(v *types.VectorIndex) { v.Dimensions = ptr(int64(4097)) }), bad + "Dimensions must be between 1 and 4096, not 4097. IndexName: near"},
		{"distance", vector(func(v *types.VectorIndex) { v.DistanceFunction = "HAMMING" }), no + "the DistanceFunction HAMMING"},
		{"undefined filter", vector(func(v *types.VectorIndex) {
			v.SearchSchema = append(v.SearchSchema, types.SearchSchemaElement{AttributeName: ptr("other"), SearchSchemaElementType: "INLINE_FILTER"})
		}),
			bad + "Some index key attributes are not defined in AttributeDefinitions: other"},
		{"two hashes", vector(func(v *types.VectorIndex) { v.SearchSchema[1].SearchSchemaElementType = "HASH" }), no + "a SearchSchema that is not of one HASH and at most 18 INLINE_FILTER elements"},
		{"unused filter", vector(func(v *types.VectorIndex) { v.SearchSchema = v.SearchSchema[:2] }), bad + "Some AttributeDefinitions are not used: group"},
		{"projection", vector(func(v *types.VectorIndex) { v.Projection.NonKeyAttributes = []string{"x"} }), no + "a Projection that is neither ALL nor an INCLUDE of attributes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.CreateTable(t.Context(), test.in)
			wantError(t, err, "ValidationException: "+test.want)
		})
	}
	in := vectorTable("table", 4, allProjected)
	more := in.VectorIndexes[0]
	more.IndexName = ptr("more")
	in.VectorIndexes = append(in.VectorIndexes, more)
	_, err := c.CreateTable(t.Context(), in)
	wantError(t, err, "ValidationException: "+no+"two vector indexes")
}

// What is no parameter here is refused: a table without it would be another one.
func TestUnknownParameters(t *testing.T) {
	in := plainTable("table")
	in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: ptr("gsi"), KeySchema: in.KeySchema, Projection: &allProjected}}
	_, err := start(t).CreateTable(t.Context(), in)
	wantError(t, err, `SerializationException: this endpoint cannot read the request: json: unknown field "GlobalSecondaryIndexes"`)
}
