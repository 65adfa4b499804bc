package dynamo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// text is the value of a string or number.
func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return fmt.Sprint(v)
}

func sortKeys(items []attrs) []string {
	var out []string
	for _, it := range items {
		out = append(out, text(it["sk"]))
	}
	return out
}

func TestQuerySortKey(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	const all = "A a a# a#1 a#2 b é 漢"
	sorted := strings.Fields(all)
	for i := range sorted { // not in order
		put(t, c, "items", attrs{"pk": str("a"), "sk": str(sorted[(i*5+2)%len(sorted)])})
	}
	for _, neighbour := range []string{"A", "a\x00", "b"} {
		put(t, c, "items", attrs{"pk": str(neighbour), "sk": str("a#1")})
	}
	for _, test := range [][3]string{ // condition, values, sort keys
		{"", "", all},
		{"sk = :a", "a#1", "a#1"},
		{"sk < :a", "a#1", "A a a#"},
		{"sk <= :a", "a#1", "A a a# a#1"},
		{"sk > :a", "b", "é 漢"},
		{"sk >= :a", "b", "b é 漢"},
		{"sk BETWEEN :a AND :b", "a# b", "a# a#1 a#2 b"},
		{"sk BETWEEN :a AND :b", "b a#", ""},
		{"begins_with(sk, :a)", "a#", "a# a#1 a#2"},
		{"begins_with(sk, :a)", "漢", "漢"},
	} {
		t.Run(test[0], func(t *testing.T) {
			in := &dynamodb.QueryInput{TableName: ptr("items"), KeyConditionExpression: ptr("pk = :pk"), ExpressionAttributeValues: attrs{":pk": str("a")}}
			if test[0] != "" {
				*in.KeyConditionExpression += " AND " + test[0]
			}
			for i, v := range strings.Fields(test[1]) {
				in.ExpressionAttributeValues[":"+string("ab"[i])] = str(v)
			}
			want := strings.Fields(test[2])
			out, err := c.Query(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, sortKeys(out.Items), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("sort keys differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestQueryStart: a start key narrows the condition, and never widens it.
func TestQueryStart(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	for i := range 10 {
		put(t, c, "items", attrs{"pk": str("a"), "sk": str(fmt.Sprint(i))})
	}
	for _, test := range []struct{ start, want string }{{"4", "5 6"}, {"1", "3 4 5 6"}, {"9", ""}} {
		out, err := c.Query(t.Context(), &dynamodb.QueryInput{TableName: ptr("items"),
			KeyConditionExpression:    ptr("pk = :pk AND sk BETWEEN :3 AND :6"),
			ExpressionAttributeValues: attrs{":pk": str("a"), ":3": str("3"), ":6": str("6")},
			ExclusiveStartKey:         attrs{"pk": str("a"), "sk": str(test.start)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(sortKeys(out.Items), " "); got != test.want {
			t.Errorf("after %s: got %s, want %s", test.start, got, test.want)
		}
	}
}

func TestQueryPages(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	big := strings.Repeat("x", 100_000)
	for i := range 25 {
		put(t, c, "items", attrs{"pk": str("a"), "sk": str(fmt.Sprintf("%02d", i)), "odd": num(fmt.Sprint(i % 2)), "x": str(big)})
	}
	query := func(change func(*dynamodb.QueryInput)) (pages []int, items []attrs) {
		in := &dynamodb.QueryInput{TableName: ptr("items"), KeyConditionExpression: ptr("pk = :pk"), ExpressionAttributeValues: attrs{":pk": str("a")}}
		change(in)
		for {
			out, err := c.Query(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, int(out.ScannedCount))
			items = append(items, out.Items...)
			if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
				return pages, items
			}
		}
	}
	for _, test := range []struct {
		name   string
		change func(*dynamodb.QueryInput)
		pages  []int
		items  int
	}{
		{"a megabyte", func(*dynamodb.QueryInput) {}, []int{10, 10, 5}, 25},
		{"limit", func(in *dynamodb.QueryInput) { in.Limit = ptr(int32(8)) }, []int{8, 8, 8, 1}, 25},
		{"limit that ends with the last item", func(in *dynamodb.QueryInput) { in.Limit = ptr(int32(5)) }, []int{5, 5, 5, 5, 5, 0}, 25},
		{"filter", func(in *dynamodb.QueryInput) {
			in.FilterExpression = ptr("odd = :one")
			in.ExpressionAttributeValues[":one"] = num("1")
		}, []int{10, 10, 5}, 12},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages, items := query(test.change)
			if diff := cmp.Diff(test.pages, pages); diff != "" {
				t.Errorf("items read a page (-want +got):\n%s", diff)
			}
			got := sortKeys(items)
			slices.Sort(got)
			if n := len(slices.Compact(got)); n != test.items {
				t.Errorf("got %d distinct items, want %d", n, test.items)
			}
		})
	}
	_, items := query(func(in *dynamodb.QueryInput) { in.ProjectionExpression = ptr("sk, odd") })
	if want := (attrs{"sk": str("00"), "odd": num("0")}); cmp.Diff(want, items[0], sameAttrs) != "" {
		t.Errorf("got %v projected, want %v", items[0], want)
	}
}

// TestScan: pages of a scan give each item of each partition once.
func TestScan(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	create(t, c, plainTable("other"))
	want := map[string]bool{}
	for i := range 30 {
		pk, sk := fmt.Sprintf("p\x00%d", i%4), fmt.Sprint(i)
		put(t, c, "items", attrs{"pk": str(pk), "sk": str(sk), "odd": num(fmt.Sprint(i % 2))})
		want[pk+" "+sk] = true
	}
	in := &dynamodb.ScanInput{TableName: ptr("items"), Limit: ptr(int32(7)), ProjectionExpression: ptr("pk, sk")}
	got := map[string]bool{}
	for pages := 1; ; pages++ {
		out, err := c.Scan(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range out.Items {
			key := text(it["pk"]) + " " + text(it["sk"])
			if got[key] || len(it) != 2 {
				t.Errorf("got %v, twice: %t", it, got[key])
			}
			got[key] = true
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			if pages != 5 {
				t.Errorf("got %d pages, want 5", pages)
			}
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	out, err := c.Scan(t.Context(), &dynamodb.ScanInput{TableName: ptr("items"),
		FilterExpression: ptr("odd = :one"), ExpressionAttributeValues: attrs{":one": num("1")}})
	if err != nil || out.Count != 15 || out.ScannedCount != 30 || len(out.Items) != 15 {
		t.Errorf("got %d of %d counted and %d items, %v; want 15 of 30", out.Count, out.ScannedCount, len(out.Items), err)
	}
}

func TestProjection(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("b"), "m": obj(attrs{"x": num("1")}), "n": num("2")})
	out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: ptr("items"), Key: attrs{"pk": str("a"), "sk": str("b")},
		ProjectionExpression: ptr("m, absent, #p"), ExpressionAttributeNames: map[string]string{"#p": "pk"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := attrs{"pk": str("a"), "m": obj(attrs{"x": num("1")})}
	if diff := cmp.Diff(want, out.Item, sameAttrs); diff != "" {
		t.Errorf("item differs (-want +got):\n%s", diff)
	}
}

func TestQueryErrors(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	v := attrs{":a": str("a")}
	n := attrs{":a": num("1")}
	two := attrs{":a": str("a"), ":b": str("b")}
	tests := []struct {
		name string
		in   dynamodb.QueryInput
		want string
	}{
		{"no condition", dynamodb.QueryInput{}, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		{"no hash", dynamodb.QueryInput{KeyConditionExpression: ptr("sk = :a"), ExpressionAttributeValues: v}, "Query condition missed key schema element: pk"},
		{"other attribute", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a AND x = :b"), ExpressionAttributeValues: two}, "Query condition missed key schema element: sk"},
		{"hash not equal", dynamodb.QueryInput{KeyConditionExpression: ptr("pk > :a"), ExpressionAttributeValues: v}, "Query key condition not supported: > pk"},
		{"or", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a OR sk = :b"), ExpressionAttributeValues: two}, "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR"},
		{"exists", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a AND attribute_exists(sk)"), ExpressionAttributeValues: v}, "Query key condition not supported: attribute_exists sk"},
		{"type", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a"), ExpressionAttributeValues: n}, "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{"twice", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a AND pk = :b"), ExpressionAttributeValues: two}, "Query key condition not supported: = pk"},
		{"index", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a"), IndexName: ptr("none"), ExpressionAttributeValues: v}, "A vector index can only be searched with SearchVectors: none"},
		{"start key", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a"), ExpressionAttributeValues: v, ExclusiveStartKey: attrs{"pk": str("a")}},
			"The provided starting key is outside query boundaries based on provided conditions"},
		{"start key elsewhere", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a"), ExpressionAttributeValues: v, ExclusiveStartKey: attrs{"pk": str("b"), "sk": str("c")}},
			"The provided starting key is outside query boundaries based on provided conditions"},
		{"limit", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a"), ExpressionAttributeValues: v, Limit: ptr(int32(0))},
			"1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"backward", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a"), ExpressionAttributeValues: v, ScanIndexForward: ptr(false)},
			"this endpoint does not support the parameter ScanIndexForward"},
		{"a condition", dynamodb.QueryInput{KeyConditionExpression: ptr("pk = :a"), ExpressionAttributeValues: v, QueryFilter: map[string]types.Condition{"x": {ComparisonOperator: "NULL"}}},
			"this endpoint does not support the parameter QueryFilter"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.in.TableName = ptr("items")
			_, err := c.Query(t.Context(), &test.in)
			wantError(t, err, "ValidationException: "+test.want)
		})
	}
}
