package dynamo

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"
)

func TestUpdate(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	key := attrs{"pk": str("a"), "sk": str("b")}
	before := attrs{"n": num("10"), "s": str("x"), "l": lst(num("1"), num("2"), num("3")), "m": obj(attrs{"k": num("1")})}
	values := attrs{":1": num("1"), ":z": str("z")}
	const invalid = "ValidationException: "
	tests := []struct {
		update string
		want   attrs  // what changes; nil removes
		err    string // or this
	}{
		{"SET n = :1", attrs{"n": num("1")}, ""},
		{"SET fresh = n, n = :1", attrs{"fresh": num("10"), "n": num("1")}, ""},
		{"set n = :1", attrs{"n": num("1")}, ""},
		{"SET n = if_not_exists(n, :1)", attrs{}, ""},
		{"SET fresh = if_not_exists(absent, :1)", attrs{"fresh": num("1")}, ""},
		{"SET fresh = if_not_exists(n, :1)", attrs{"fresh": num("10")}, ""},
		{"REMOVE n, absent", attrs{"n": nil}, ""},
		{"SET s = :z REMOVE n", attrs{"s": str("z"), "n": nil}, ""},
		{"SET fresh = n REMOVE n", attrs{"fresh": num("10"), "n": nil}, ""},
		{"SET n = :1 REMOVE n", nil, invalid + "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]"},
		{"ADD n :1", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "ADD"`},
		{"SET m.k = :z", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "."`},
		{"SET pk = :z", nil, invalid + "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"},
		{"SET n = absent", nil, invalid + "The provided expression refers to an attribute that does not exist in the item"},
		{"SET n = :1, n = :z", nil, invalid + "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]"},
		{"SET n = n + :1", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "+"`},
		{"SET l[1] = :z", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "["`},
		{"PUT n = :1", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "PUT"`},
	}
	for _, test := range tests {
		t.Run(test.update, func(t *testing.T) {
			want := attrs{}
			for _, m := range []attrs{key, before} {
				for k, v := range m {
					want[k] = v
				}
			}
			put(t, c, "items", want)
			in := &dynamodb.UpdateItemInput{TableName: ptr("items"), Key: key, UpdateExpression: &test.update}
			for _, token := range lex(test.update) {
				if v, ok := values[token]; ok {
					if in.ExpressionAttributeValues == nil {
						in.ExpressionAttributeValues = attrs{}
					}
					in.ExpressionAttributeValues[token] = v
				}
			}
			_, err := c.UpdateItem(t.Context(), in)
			if test.err != "" {
				wantError(t, err, test.err)
			} else if err != nil {
				t.Fatal(err)
			}
			for k, v := range test.want {
				if want[k] = v; v == nil {
					delete(want, k)
				}
			}
			if diff := cmp.Diff(want, get(t, c, "items", "a", "b"), sameAttrs); diff != "" {
				t.Errorf("item differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpdateMakesAnItem(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: ptr("items"), Key: attrs{"pk": str("a"), "sk": str("b")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, c, "items", "a", "b"); len(got) != 2 {
		t.Errorf("got %v, want the key", got)
	}
}

// TestOneConditionalWriteWins: of concurrent writes on one condition exactly one
// happens.
func TestOneConditionalWriteWins(t *testing.T) {
	c := serve(t, open(t, t.TempDir()))
	create(t, c, plainTable("items"))
	key := attrs{"pk": str("a"), "sk": str("b")}
	const clients = 16
	won := make(chan bool, 2*clients)
	for range clients {
		go func() {
			_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("items"), Item: key, ConditionExpression: ptr("attribute_not_exists(pk)")})
			won <- err == nil
			_, err = c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: ptr("items"), Key: key,
				UpdateExpression: ptr("SET n = :1"), ConditionExpression: ptr("attribute_exists(pk) AND attribute_not_exists(n)"), ExpressionAttributeValues: attrs{":1": num("1")}})
			won <- err == nil
		}()
	}
	wins := 0
	for range 2 * clients {
		if <-won {
			wins++
		}
	}
	if wins != 2 {
		t.Errorf("got %d writes done, want 1 of each kind", wins)
	}
}
