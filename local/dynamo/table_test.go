package dynamo

import (
	"strconv"
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

	put(t, c, "aaa", attrs{"pk": str("a"), "sk": str("b")})
	if _, err := c.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: ptr("aaa")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: ptr("aaa")})
	wantError(t, err, "ResourceNotFoundException: Requested resource not found: Table: aaa not found")
	_, err = c.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: ptr("aaa")})
	wantError(t, err, "ResourceNotFoundException: Requested resource not found: Table: aaa not found")
	create(t, c, plainTable("aaa"))
	if got := get(t, c, "aaa", "a", "b"); got != nil {
		t.Errorf("got %v of the deleted table, want nothing", got)
	}
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
	out, err := waiter.WaitForOutput(t.Context(), &dynamodb.DescribeTableInput{TableName: ptr("arn:aws:dynamodb:eu-west-1:123456789012:table/vectors")}, time.Minute)
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
		IndexName: want.IndexName, IndexArn: aws.String(tableARN + "vectors/index/near"), IndexStatus: "ACTIVE", Backfilling: ptr(false),
		Dimensions: want.Dimensions, DistanceFunction: want.DistanceFunction, VectorAttribute: want.VectorAttribute,
		Projection: want.Projection, SearchSchema: want.SearchSchema, ItemCount: ptr(int64(1)), IndexSizeBytes: ptr(int64(27)), // 3 numbers of 4 bytes, and the names and values of embedding, pk and sk
	}
	if diff := cmp.Diff([]types.VectorIndexDescription{index}, got.VectorIndexes, unexported); diff != "" {
		t.Errorf("vector indexes (-want +got):\n%s", diff)
	}
}

func TestCreateTableErrors(t *testing.T) {
	c := start(t)
	const bad = "One or more parameter values were invalid: "
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
		{"short name", plain(func(in *dynamodb.CreateTableInput) { in.TableName = ptr("ab") }), "TableName must be at least 3 characters long and at most 255 characters long"},
		{"bad name", plain(func(in *dynamodb.CreateTableInput) { in.TableName = ptr("a b c") }),
			"1 validation error detected: Value 'a b c' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{"secondary index", plain(func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: ptr("gsi"), KeySchema: in.KeySchema, Projection: &allProjected}}
		}), bad + "this endpoint does not support global or local secondary indexes; it supports vector indexes"},
		{"provisioned", plain(func(in *dynamodb.CreateTableInput) { in.BillingMode = "PROVISIONED" }),
			bad + `this endpoint supports the BillingMode PAY_PER_REQUEST only, not "PROVISIONED"`},
		{"number key", plain(func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions[1].AttributeType = "N" }),
			bad + "this endpoint supports keys of type S only: sk"},
		{"undefined key", plain(func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions = in.AttributeDefinitions[:1] }),
			bad + "Some index key attributes are not defined in AttributeDefinitions. Keys: [pk, sk], AttributeDefinitions: [pk]"},
		{"unused attribute", plain(func(in *dynamodb.CreateTableInput) { in.KeySchema = in.KeySchema[:1] }),
			bad + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{"range first", plain(func(in *dynamodb.CreateTableInput) { in.KeySchema[0].KeyType = "RANGE" }), "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{"same key twice", plain(func(in *dynamodb.CreateTableInput) { in.KeySchema[1].AttributeName = ptr("pk") }),
			"Both the Hash Key and the Range Key element in the KeySchema have the same name"},
		{"dimensions", vector(func(v *types.VectorIndex) { v.Dimensions = ptr(int64(4097)) }), bad + "Dimensions must be between 1 and 4096, not 4097. IndexName: near"},
		{"distance", vector(func(v *types.VectorIndex) { v.DistanceFunction = "HAMMING" }),
			bad + `this endpoint supports the DistanceFunction COSINE only, not "HAMMING"`},
		{"undefined filter", vector(func(v *types.VectorIndex) { v.SearchSchema[1].AttributeName = ptr("other") }), "One element in SearchSchema is not defined in attribute definitions"},
		{"two hashes", vector(func(v *types.VectorIndex) { v.SearchSchema[1].SearchSchemaElementType = "HASH" }),
			bad + "SearchSchema can have at most one HASH and 18 INLINE_FILTER elements. IndexName: near"},
		{"unused filter", vector(func(v *types.VectorIndex) { v.SearchSchema = v.SearchSchema[:2] }),
			bad + "Some AttributeDefinitions are not used. AttributeDefinitions: [pk, sk, doc, group], unused: group"},
		{"projection", vector(func(v *types.VectorIndex) { v.Projection.NonKeyAttributes = []string{"x"} }), bad + "ProjectionType is ALL, but NonKeyAttributes is specified"},
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
	wantError(t, err, "ValidationException: "+bad+"this endpoint supports one vector index a table")
}

func TestTimeToLive(t *testing.T) {
	db := open(t, "")
	c := serve(t, db)
	create(t, c, vectorTable("items", 2, allProjected))
	at := func(d time.Duration) types.AttributeValue {
		return num(strconv.FormatInt(time.Now().Add(d).Unix(), 10))
	}
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("before"), "gone": at(-time.Hour), "embedding": vec(1, 2)})

	set := func(attribute string, enabled bool) error {
		_, err := c.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{TableName: ptr("items"),
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: &enabled}})
		return err
	}
	if err := set("gone", true); err != nil {
		t.Fatal(err)
	}
	wantError(t, set("gone", true), "ValidationException: TimeToLive is already enabled")
	wantError(t, set("other", true), "ValidationException: TimeToLive is active on a different AttributeName: current AttributeName is gone")

	put(t, c, "items", attrs{"pk": str("a"), "sk": str("past"), "gone": at(-time.Hour), "embedding": vec(1, 2)})
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("future"), "gone": at(time.Hour), "embedding": vec(1, 2)})
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("ancient"), "gone": at(-6 * 365 * 24 * time.Hour)})
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("text"), "gone": str("1")})
	if get(t, c, "items", "a", "past") == nil {
		t.Error("an expired item went before it was deleted; DynamoDB shows it")
	}
	err := db.update(nil, func(*tx) error {
		db.swept = time.Time{} // as if a minute had gone by
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("more")})
	for sk, want := range map[string]bool{"before": false, "past": false, "future": true, "ancient": true, "text": true, "more": true} {
		if got := get(t, c, "items", "a", sk) != nil; got != want {
			t.Errorf("item %s: got there %t, want %t", sk, got, want)
		}
	}
	if got, _ := db.tables["items"].index.count(); got != 1 {
		t.Errorf("got %d items in the vector index, want 1", got)
	}
	if err := set("gone", false); err != nil {
		t.Fatal(err)
	}
	wantError(t, set("gone", false), "ValidationException: TimeToLive is already disabled")
}
