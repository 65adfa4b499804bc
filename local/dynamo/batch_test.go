package dynamo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func putRequest(it attrs) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: it}}
}

func deleteRequest(key attrs) types.WriteRequest {
	return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
}

func numbered(n int) attrs { return attrs{"pk": str("a"), "sk": str(fmt.Sprintf("%03d", n))} }

func TestBatches(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("one"))
	write := func(items map[string][]types.WriteRequest) error {
		_, err := c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: items})
		return err
	}
	for n := range 5 {
		var puts []types.WriteRequest
		for i := range 20 {
			puts = append(puts, putRequest(numbered(20*n+i)))
		}
		if err := write(map[string][]types.WriteRequest{"one": puts}); err != nil {
			t.Fatal(err)
		}
	}
	err := write(map[string][]types.WriteRequest{"one": {deleteRequest(numbered(3)), deleteRequest(numbered(999))}})
	if err != nil {
		t.Fatal(err)
	}
	var keys types.KeysAndAttributes
	for i := range 100 {
		keys.Keys = append(keys.Keys, numbered(i))
	}
	out, err := c.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"one": keys}})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Responses["one"]; len(got) != 99 || len(got[0]) != 2 || len(out.UnprocessedKeys) != 0 {
		t.Errorf("got %d items, the first %v, and %d unprocessed; want 99 of two attributes", len(got), got[0], len(out.UnprocessedKeys))
	}
}

func TestBatchErrors(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("one"))
	const tooMany = "ValidationException: 1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
	many := func(n int) (out []types.WriteRequest) {
		for i := range n {
			out = append(out, putRequest(numbered(i)))
		}
		return out
	}
	for _, test := range []struct {
		name  string
		items map[string][]types.WriteRequest
		want  string
	}{
		{"26 items", map[string][]types.WriteRequest{"one": many(26)}, tooMany},
		{"none", map[string][]types.WriteRequest{"one": {}}, tooMany},
		{"two tables", map[string][]types.WriteRequest{"one": many(13), "two": many(13)}, "ValidationException: this endpoint does not support a batch of two tables"},
		{"put twice", map[string][]types.WriteRequest{"one": {putRequest(numbered(1)), putRequest(numbered(1))}}, "ValidationException: Provided list of item keys contains duplicates"},
		{"put and delete", map[string][]types.WriteRequest{"one": {putRequest(numbered(1)), deleteRequest(numbered(1))}}, "ValidationException: Provided list of item keys contains duplicates"},
		{"no table", map[string][]types.WriteRequest{"none": many(1)}, "ResourceNotFoundException: Requested resource not found: Table: none not found"},
		{"bad key", map[string][]types.WriteRequest{"one": {putRequest(numbered(1)), putRequest(attrs{"pk": str("a")})}},
			"ValidationException: One or more parameter values were invalid: Missing the key pk or sk in the item, or it is not of type S"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: test.items})
			wantError(t, err, test.want)
		})
	}
	if got := get(t, c, "one", "a", "001"); got != nil {
		t.Errorf("got %v of a refused batch, want nothing", got)
	}
	for _, test := range []struct {
		name string
		keys map[string]int
		want string
	}{
		{"101 keys", map[string]int{"one": 101}, "ValidationException: 1 validation error detected: Value at 'requestItems.one.member.keys' failed to satisfy constraint: Member must have length less than or equal to 100, Member must have length greater than or equal to 1"},
		{"two tables", map[string]int{"one": 50, "two": 51}, "ValidationException: this endpoint does not support a batch of two tables"},
		{"duplicates", map[string]int{"one": -2}, "ValidationException: Provided list of item keys contains duplicates"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{}}
			for table, n := range test.keys {
				var keys []map[string]types.AttributeValue
				for i := range max(n, -n) {
					keys = append(keys, numbered(max(0, i*n)))
				}
				in.RequestItems[table] = types.KeysAndAttributes{Keys: keys}
			}
			_, err := c.BatchGetItem(t.Context(), in)
			wantError(t, err, test.want)
		})
	}
}

// TestBatchGetGivesTheRestBack: beyond 16 MB the remaining keys come back, as
// a request that can be sent again.
func TestBatchGetGivesTheRestBack(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("one"))
	keys := types.KeysAndAttributes{ConsistentRead: ptr(true)}
	for i := range 50 {
		it := numbered(i)
		keys.Keys = append(keys.Keys, numbered(i))
		it["x"] = str(strings.Repeat("x", 400_000))
		put(t, c, "one", it)
	}
	in := &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"one": keys}}
	total, rounds := 0, 0
	for len(in.RequestItems) > 0 {
		out, err := c.BatchGetItem(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		total += len(out.Responses["one"])
		rounds++
		in.RequestItems = out.UnprocessedKeys
	}
	if total != 50 || rounds != 2 {
		t.Errorf("got %d items in %d rounds, want 50 in 2", total, rounds)
	}
}
