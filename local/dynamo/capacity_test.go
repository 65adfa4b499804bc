package dynamo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// ask sends an operation and gives its answer's status and members.
func ask(t *testing.T, h http.Handler, operation, body string) (int, map[string]json.RawMessage) {
	t.Helper()
	answer := post(t, h, targetPrefix+operation, body)
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, members
}

// capacityTable has a vector index of 500 dimensions: HASH doc, projected text.
const capacityTable = `{"TableName":"items","BillingMode":"PAY_PER_REQUEST",
	"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
	"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"},{"AttributeName":"doc","AttributeType":"S"}],
	"VectorIndexes":[{"IndexName":"near","Dimensions":500,"DistanceFunction":"COSINE","VectorAttribute":{"AttributeName":"v"},
		"SearchSchema":[{"AttributeName":"doc","SearchSchemaElementType":"HASH"}],
		"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["text"]}}]}`

// capacityItem has an embedding, a text of so many bytes, and the number other.
// Its key and doc are of 10 bytes, names included.
func capacityItem(sk string, text, other int) string {
	v := strings.Repeat(`{"N":"0.012345678"},`, 500)
	return fmt.Sprintf(`{"pk":{"S":"a"},"sk":{"S":"%s"},"doc":{"S":"d"},"text":{"S":"%s"},"other":{"N":"%d"},"v":{"L":[%s]}}`,
		sk, strings.Repeat("x", text), other, strings.TrimSuffix(v, ","))
}

// consumptionCases are operations one after another, and the capacity that each
// answers with.
var consumptionCases = []struct{ name, operation, body, want string }{
	// 10 bytes of key and doc, 4 + 980 text, 5 + 2 other, 1 + 2000 v: 3,002.
	// The entry is that without other: 2,995.
	{"put", "PutItem", `{"TableName":"items","Item":` + capacityItem("1", 980, 7) + `,"ReturnConsumedCapacity":"INDEXES"}`,
		`{"TableName":"items","CapacityUnits":3,"Table":{"CapacityUnits":3},"VectorIndexes":{"near":{"VectorWriteRequestBytes":2995}}}`},
	{"in total", "PutItem", `{"TableName":"items","Item":` + capacityItem("2", 1100, 7) + `,"ReturnConsumedCapacity":"TOTAL"}`,
		`{"TableName":"items","CapacityUnits":4}`},
	{"smaller than before", "PutItem", `{"TableName":"items","Item":` + capacityItem("2", 10, 7) + `,"ReturnConsumedCapacity":"INDEXES"}`,
		`{"TableName":"items","CapacityUnits":4,"Table":{"CapacityUnits":4},"VectorIndexes":{"near":{"VectorWriteRequestBytes":3115}}}`},
	{"the same entry", "PutItem", `{"TableName":"items","Item":` + capacityItem("2", 10, 8) + `,"ReturnConsumedCapacity":"INDEXES"}`,
		`{"TableName":"items","CapacityUnits":2,"Table":{"CapacityUnits":2}}`},
	{"another vector", "PutItem", `{"TableName":"items","Item":` + strings.Replace(capacityItem("2", 10, 8), "0.012345678", "0.5", 1) + `,"ReturnConsumedCapacity":"INDEXES"}`,
		`{"TableName":"items","CapacityUnits":2,"Table":{"CapacityUnits":2},"VectorIndexes":{"near":{"VectorWriteRequestBytes":2025}}}`},
	{"without a vector", "PutItem", `{"TableName":"items","Item":{"pk":{"S":"a"},"sk":{"S":"3"}},"ReturnConsumedCapacity":"INDEXES"}`,
		`{"TableName":"items","CapacityUnits":1,"Table":{"CapacityUnits":1}}`},
	{"not asked for", "PutItem", `{"TableName":"items","Item":{"pk":{"S":"a"},"sk":{"S":"3"}},"ReturnConsumedCapacity":"NONE"}`, ``},
	{"get", "GetItem", `{"TableName":"items","Key":{"pk":{"S":"a"},"sk":{"S":"1"}},"ProjectionExpression":"sk","ReturnConsumedCapacity":"TOTAL"}`,
		`{"TableName":"items","CapacityUnits":0.5}`},
	{"get, consistent", "GetItem", `{"TableName":"items","Key":{"pk":{"S":"a"},"sk":{"S":"1"}},"ConsistentRead":true,"ReturnConsumedCapacity":"INDEXES"}`,
		`{"TableName":"items","CapacityUnits":1,"Table":{"CapacityUnits":1}}`},
	{"get nothing", "GetItem", `{"TableName":"items","Key":{"pk":{"S":"a"},"sk":{"S":"9"}},"ReturnConsumedCapacity":"TOTAL"}`,
		`{"TableName":"items","CapacityUnits":0.5}`},
	{"query", "Query", `{"TableName":"items","KeyConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{"S":"a"}},"ProjectionExpression":"sk","ReturnConsumedCapacity":"TOTAL"}`,
		`{"TableName":"items","CapacityUnits":1}`}, // 3,002 + 2,032 + 6
	{"query, consistent", "Query", `{"TableName":"items","KeyConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{"S":"a"}},"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL"}`,
		`{"TableName":"items","CapacityUnits":2}`},
	{"scan", "Scan", `{"TableName":"items","ReturnConsumedCapacity":"TOTAL"}`, `{"TableName":"items","CapacityUnits":1}`},
	{"batch get", "BatchGetItem", `{"RequestItems":{"items":{"ConsistentRead":true,"Keys":[{"pk":{"S":"a"},"sk":{"S":"1"}},{"pk":{"S":"a"},"sk":{"S":"9"}}]}},"ReturnConsumedCapacity":"TOTAL"}`,
		`[{"TableName":"items","CapacityUnits":2}]`},
	{"batch write", "BatchWriteItem", `{"RequestItems":{"items":[{"PutRequest":{"Item":` + capacityItem("4", 980, 7) + `}},
		{"DeleteRequest":{"Key":{"pk":{"S":"a"},"sk":{"S":"1"}}}},{"DeleteRequest":{"Key":{"pk":{"S":"a"},"sk":{"S":"9"}}}}]},"ReturnConsumedCapacity":"INDEXES"}`,
		`[{"TableName":"items","CapacityUnits":7,"Table":{"CapacityUnits":7},"VectorIndexes":{"near":{"VectorWriteRequestBytes":5990}}}]`},
	{"search", "SearchVectors", `{"TableName":"items","IndexName":"near","TopK":1,"SearchConditionExpression":"doc = :d","ExpressionAttributeValues":{":d":{"S":"d"}},
		"SearchVector":[` + strings.TrimSuffix(strings.Repeat(`{"N":"1"},`, 500), ",") + `],"ReturnConsumedCapacity":"TOTAL"}`,
		`{"VectorSearchRequestBytes":5020}`}, // of two items
	{"search of nothing", "SearchVectors", `{"TableName":"items","IndexName":"near","TopK":1,"SearchConditionExpression":"doc = :d","ExpressionAttributeValues":{":d":{"S":"none"}},
		"SearchVector":[` + strings.TrimSuffix(strings.Repeat(`{"N":"1"},`, 500), ",") + `],"ReturnConsumedCapacity":"INDEXES"}`,
		`{"VectorSearchRequestBytes":1024}`},
	{"unknown", "GetItem", `{"TableName":"items","Key":{"pk":{"S":"a"},"sk":{"S":"1"}},"ReturnConsumedCapacity":"ALL"}`, ``},
}

func TestConsumedCapacity(t *testing.T) { testConsumption(t, open(t, "")) }

func testConsumption(t *testing.T, h http.Handler) {
	if status, answer := ask(t, h, "CreateTable", capacityTable); status != http.StatusOK {
		t.Fatalf("create the table: %s", answer)
	}
	t.Cleanup(func() { ask(t, h, "DeleteTable", `{"TableName":"items"}`) })
	for _, test := range consumptionCases {
		t.Run(test.name, func(t *testing.T) {
			status, answer := ask(t, h, test.operation, test.body)
			if want := test.name != "unknown"; (status == http.StatusOK) != want {
				t.Fatalf("got %d %s", status, answer)
			}
			var got, want any
			json.Unmarshal(answer["ConsumedCapacity"], &got)
			json.Unmarshal([]byte(test.want), &want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("capacity (-want +got):\n%s", diff)
			}
		})
	}
}

// putOf is a PutItem of an item that costs 10 units.
func putOf(pk string, i int) string {
	return fmt.Sprintf(`{"TableName":"items","Item":{"pk":{"S":"%s"},"sk":{"S":"%06d"},"x":{"S":"%s"}}}`, pk, i, strings.Repeat("x", 10_000))
}

// limited runs f, where time is virtual, on a plainTable behind DynamoDB's limits.
func limited(t *testing.T, f func(t *testing.T, h http.Handler)) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, "")
		if status, answer := ask(t, db, "CreateTable", `{"TableName":"items","BillingMode":"PAY_PER_REQUEST",
			"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
			"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"}]}`); status != 200 {
			t.Fatal(answer)
		}
		f(t, MaxPartition.Limit()(db))
	})
}

// TestWriteLimit: a partition key takes 1,000 units at once and 1,000 a second;
// others, and reads, go on beside it.
func TestWriteLimit(t *testing.T) {
	limited(t, func(t *testing.T, h http.Handler) {
		begin := time.Now()
		done, refused := 0, 0
		for i := 0; time.Since(begin) < 5*time.Second && done < 50_000; {
			status, answer := ask(t, h, "PutItem", putOf("hot", i))
			if status == http.StatusOK {
				done += 10
				i++
				continue
			}
			refused++
			if got := string(answer["__type"]); !strings.HasSuffix(got, `#ThrottlingException"`) {
				t.Fatalf("got %s %s, want a ThrottlingException", got, answer["message"])
			}
			want := `[{"reason":"TableWriteKeyRangeThroughputExceeded","resource":"` + tableARN + `items"}]`
			if got := string(answer["throttlingReasons"]); got != want {
				t.Fatalf("got reasons %s, want %s", got, want)
			}
			if status, _ := ask(t, h, "PutItem", putOf(fmt.Sprint("cool", refused), 0)); status != http.StatusOK {
				t.Fatal("another partition key is throttled too")
			}
			if status, _ := ask(t, h, "GetItem", `{"TableName":"items","Key":{"pk":{"S":"hot"},"sk":{"S":"000000"}}}`); status != http.StatusOK {
				t.Fatal("a read is throttled by writes")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if done < 5_900 || done > 6_100 {
			t.Errorf("got %d units through in 5 s, want 6,000", done)
		}
	})
}

// TestReadLimit: reads have 3,000 units a second, and each takes what it read.
func TestReadLimit(t *testing.T) {
	limited(t, func(t *testing.T, h http.Handler) {
		for i := range 80 { // a page of Query then takes 1 MB, 256 units
			ask(t, h, "PutItem", putOf("hot", i))
			ask(t, h, "PutItem", putOf("hot", i+80))
			time.Sleep(100 * time.Millisecond)
		}
		query := `{"TableName":"items","ConsistentRead":true,"KeyConditionExpression":"pk = :a","ExpressionAttributeValues":{":a":{"S":"hot"}},"ProjectionExpression":"sk"}`
		begin := time.Now()
		done := 0
		for time.Since(begin) < 3*time.Second && done < 1000 {
			status, answer := ask(t, h, "Query", query)
			if status == http.StatusOK {
				done++
				continue
			}
			if got := string(answer["__type"]); !strings.HasSuffix(got, `#ProvisionedThroughputExceededException"`) {
				t.Fatalf("got %s %s, want a ProvisionedThroughputExceededException", got, answer["message"])
			}
			if got := string(answer["ThrottlingReasons"]); !strings.Contains(got, "TableReadKeyRangeThroughputExceeded") {
				t.Fatalf("got reasons %s", got)
			}
			time.Sleep(50 * time.Millisecond)
		}
		// A burst of 3,000, and 9,000 in 3 s; the last one may go into debt.
		if units := 256 * done; units < 11_500 || units > 12_300 {
			t.Errorf("got %d units through in 3 s, want 12,000", units)
		}
	})
}

// TestBatchLimit: what is over the limit of a batch comes back, as it was; a
// batch of which nothing is let through is refused.
func TestBatchLimit(t *testing.T) {
	limited(t, func(t *testing.T, h http.Handler) {
		write := func(pk string) (back []json.RawMessage, status int) {
			var items []string
			for i := range 25 {
				items = append(items, `{"PutRequest":`+strings.Replace(strings.Replace(putOf(pk, i), `"TableName":"items",`, "", 1), `xxxxxxxxxx"}`, `y"}`, 1)+`}`)
			}
			status, answer := ask(t, h, "BatchWriteItem", `{"RequestItems":{"items":[`+strings.Join(items, ",")+`]}}`)
			var left struct {
				Items []json.RawMessage `json:"items"`
			}
			json.Unmarshal(answer["UnprocessedItems"], &left)
			return left.Items, status
		}
		for range 3 {
			if back, status := write("hot"); status != http.StatusOK || len(back) > 0 {
				t.Fatalf("got %d and %d items back within the limit", status, len(back))
			}
		}
		for _, pk := range []string{"other", "hot"} { // 250 are left of hot
			if back, status := write(pk); status != http.StatusOK || len(back) > 0 {
				t.Fatalf("%s: got %d and %d items back within the limit", pk, status, len(back))
			}
		}
		if _, status := write("hot"); status != http.StatusBadRequest {
			t.Fatalf("got %d for a batch over the limit, want it refused", status)
		}
		time.Sleep(95 * time.Millisecond)
		back, status := write("hot")
		if status != http.StatusOK || len(back) != 15 {
			t.Fatalf("got %d and %d items back, want 15: 10 go through", status, len(back))
		}
		if want := `{"PutRequest":{"Item":{"pk":{"S":"hot"},"sk":{"S":"000010"},"x":`; !strings.HasPrefix(string(back[0]), want) {
			t.Errorf("got %.100s back, want %s…", back[0], want)
		}
	})
}

// TestBatchGetLimit: keys over the limit come back.
func TestBatchGetLimit(t *testing.T) {
	limited(t, func(t *testing.T, h http.Handler) {
		var keys []string
		for i := range 90 {
			ask(t, h, "PutItem", strings.Replace(putOf("hot", i), "xxx", strings.Repeat("x", 300_000), 1))
			keys = append(keys, fmt.Sprintf(`{"pk":{"S":"hot"},"sk":{"S":"%06d"}}`, i))
			time.Sleep(time.Second)
		}
		get := func(keys []string) (found, back int, status int) {
			status, answer := ask(t, h, "BatchGetItem", `{"RequestItems":{"items":{"ConsistentRead":true,"Keys":[`+strings.Join(keys, ",")+`]}}}`)
			var responses struct {
				Items []json.RawMessage `json:"items"`
			}
			var left struct {
				Items struct {
					Keys           []json.RawMessage
					ConsistentRead bool
				} `json:"items"`
			}
			json.Unmarshal(answer["Responses"], &responses)
			json.Unmarshal(answer["UnprocessedKeys"], &left)
			if len(left.Items.Keys) > 0 && !left.Items.ConsistentRead {
				t.Error("the keys come back without ConsistentRead")
			}
			return len(responses.Items), len(left.Items.Keys), status
		}
		// Each costs 76 units: 39 of them leave 36 of 3,000, the 40th goes into debt.
		if found, back, status := get(keys[:50]); found != 40 || back != 10 || status != http.StatusOK {
			t.Errorf("got %d, %d items and %d keys back, want 40 and 10", status, found, back)
		}
		if _, _, status := get(keys[:50]); status != http.StatusBadRequest {
			t.Errorf("got %d for a batch over the limit, want it refused", status)
		}
	})
}

// TestThrottledForTheSDK: the client's types have the reasons.
func TestThrottledForTheSDK(t *testing.T) {
	db := open(t, "")
	create(t, serve(t, db), plainTable("items"))
	c := clientOf(serveURL(t, (Limits{Read: 1, Write: 1, Burst: time.Second}).Limit()(db)))
	in := &dynamodb.PutItemInput{TableName: ptr("items"), Item: attrs{"pk": str("a"), "sk": str("b"), "x": str(strings.Repeat("x", 100_000))}}
	if _, err := c.PutItem(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutItem(t.Context(), in)
	throttled, ok := errors.AsType[*types.ThrottlingException](err)
	if !ok || len(throttled.ThrottlingReasons) != 1 {
		t.Fatalf("got %v, want a ThrottlingException with a reason", err)
	}
	if got := *throttled.ThrottlingReasons[0].Reason; got != "TableWriteKeyRangeThroughputExceeded" {
		t.Errorf("got reason %s", got)
	}
}
