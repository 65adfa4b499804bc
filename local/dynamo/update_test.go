package dynamo

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

func TestUpdate(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	key := attrs{"pk": str("a"), "sk": str("b")}
	before := attrs{"n": num("10"), "s": str("x"), "l": lst(num("1"), num("2"), num("3")), "m": obj(attrs{"k": num("1")}), "ss": strs("x", "y")}
	values := attrs{":1": num("1"), ":z": str("z"), ":l": lst(num("9")), ":yz": strs("y", "z"), ":xy": strs("x", "y"), ":big": num("1e40")}
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
		{"SET fresh = if_not_exists(absent, n)", attrs{"fresh": num("10")}, ""},
		{"SET m.k = s", attrs{"m": obj(attrs{"k": str("x")})}, ""},
		{"SET m.k = :z, m.x = :1", attrs{"m": obj(attrs{"k": str("z"), "x": num("1")})}, ""},
		{"REMOVE n, absent", attrs{"n": nil}, ""},
		{"REMOVE m.k", attrs{"m": obj(attrs{})}, ""},
		{"ADD n :1, fresh :1", attrs{"n": num("11"), "fresh": num("1")}, ""},
		{"ADD ss :yz", attrs{"ss": strs("x", "y", "z")}, ""},
		{"DELETE ss :yz", attrs{"ss": strs("x")}, ""},
		{"DELETE ss :xy", attrs{"ss": nil}, ""},
		{"SET s = :z REMOVE n ADD fresh :1", attrs{"s": str("z"), "n": nil, "fresh": num("1")}, ""},
		{"SET pk = :z", nil, invalid + "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"},
		{"SET n = absent", nil, invalid + "The provided expression refers to an attribute that does not exist in the item"},
		{"SET absent.x = :1", nil, invalid + "The document path provided in the update expression is invalid for update"},
		{"ADD s :1", nil, invalid + "An operand in the update expression has an incorrect data type"},
		{"ADD n :z", nil, invalid + "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: ADD, operand type: S"},
		{"SET n = :1, n = :z", nil, invalid + "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]"},
		{"SET m.k = :1 REMOVE m", nil, invalid + "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, k], path two: [m]"},
		{"SET n = :1 SET s = :z", nil, invalid + `Invalid UpdateExpression: The "SET" section can only be used once in an update expression;`},
		{"ADD n :big", nil, invalid + "this endpoint adds whole numbers of 32 bits only"},
		{"SET n = n + :1", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "+", near: "n + :1"`},
		{"SET l[1] = :z", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "[", near: "l[1"`},
		{"PUT n = :1", nil, invalid + `Invalid UpdateExpression: Syntax error; token: "PUT", near: "PUT n"`},
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
			tokens, _ := lex(test.update)
			for _, token := range tokens {
				if v, ok := values[token.text]; ok {
					if in.ExpressionAttributeValues == nil {
						in.ExpressionAttributeValues = attrs{}
					}
					in.ExpressionAttributeValues[token.text] = v
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

// TestOneConditionalWriteWins: of concurrent writes on one condition exactly
// one happens, and of concurrent counts none is lost.
func TestOneConditionalWriteWins(t *testing.T) {
	c := serve(t, open(t, t.TempDir()))
	create(t, c, plainTable("items"))
	key := attrs{"pk": str("a"), "sk": str("b")}
	const clients = 16
	won := make(chan bool, clients)
	for range clients {
		go func() {
			_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("items"), Item: key, ConditionExpression: ptr("attribute_not_exists(pk)")})
			won <- err == nil
			_, err = c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: ptr("items"), Key: key,
				UpdateExpression: ptr("ADD n :1"), ExpressionAttributeValues: attrs{":1": num("1")}})
			won <- err == nil
		}()
	}
	wins := 0
	for range 2 * clients {
		if <-won {
			wins++
		}
	}
	if wins != 1+clients {
		t.Errorf("got %d writes done, want 1 conditional one and %d counts", wins, clients)
	}
	if got := get(t, c, "items", "a", "b")["n"].(*types.AttributeValueMemberN).Value; got != "16" {
		t.Errorf("got count %s, want 16", got)
	}
}
