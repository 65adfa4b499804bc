package dynamo

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var sameAttrs = cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(
	types.AttributeValueMemberS{}, types.AttributeValueMemberN{},
	types.AttributeValueMemberBOOL{}, types.AttributeValueMemberL{},
	types.AttributeValueMemberM{})}

func TestItemRoundTrip(t *testing.T) {
	c := start(t)
	create(t, c, vectorTable("items", 3, allProjected))
	full := attrs{
		"pk": str("a"), "sk": str("quotes \" \\ \n\u2028 ü 漢 \x01"),
		"number": num("-123.45600"),
		"yes":    &types.AttributeValueMemberBOOL{Value: true},
		"no":     &types.AttributeValueMemberBOOL{Value: false},
		"empty":  str(""),
		"list":   lst(num("1"), str("x"), lst()),
		"map":    obj(attrs{"a": obj(attrs{}), "b": num("1e3")}),
	}
	for name, embedding := range map[string]types.AttributeValue{
		"no vector":       nil,
		"float32 numbers": lst(num("0.1"), num("-2"), num("3.25e-5")),
	} {
		t.Run(name, func(t *testing.T) {
			delete(full, "embedding")
			if embedding != nil {
				full["embedding"] = embedding
			}
			put(t, c, "items", full)
			want := attrs{}
			for k, v := range full {
				want[k] = v
			}
			want["number"] = num("-123.456")
			want["map"] = obj(attrs{"a": obj(attrs{}), "b": num("1000")})
			if name == "float32 numbers" {
				want["embedding"] = lst(num("0.1"), num("-2"), num("0.0000325"))
			}
			got := get(t, c, "items", "a", full["sk"].(*types.AttributeValueMemberS).Value)
			if diff := cmp.Diff(want, got, sameAttrs); diff != "" {
				t.Errorf("item differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPutErrors(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	const (
		bad      = "ValidationException: One or more parameter values were invalid: "
		missing  = "Missing the key pk or sk in the item, or it is not of type S"
		noNumber = "ValidationException: The parameter cannot be converted to a numeric value, or has over 38 digits, or is too large or too small: "
		long     = "A hash key has at most 2048 bytes, a range key 1024"
		empty    = "ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value."
	)
	deep := num("1")
	for range 33 {
		deep = lst(deep)
	}
	tests := []struct {
		name string
		item attrs
		want string
	}{
		{"no sort key", attrs{"pk": str("a")}, bad + missing},
		{"wrong type", attrs{"pk": num("1"), "sk": str("b")}, bad + missing},
		{"empty key", attrs{"pk": str("a"), "sk": str("")},
			empty},
		{"long hash key", attrs{"pk": str(strings.Repeat("x", 2049)), "sk": str("b")}, bad + long},
		{"long sort key", attrs{"pk": str("a"), "sk": str(strings.Repeat("x", 1025))}, bad + long},
		{"too large", attrs{"pk": str("a"), "sk": str("b"), "x": str(strings.Repeat("x", 400<<10))}, "ValidationException: Item size has exceeded the maximum allowed size"},
		{"no number", attrs{"pk": str("a"), "sk": str("b"), "x": num("1x")}, noNumber + "1x"},
		{"empty number", attrs{"pk": str("a"), "sk": str("b"), "x": num("")}, noNumber + ""},
		{"39 digits", attrs{"pk": str("a"), "sk": str("b"), "x": num(strings.Repeat("1", 39))}, noNumber + strings.Repeat("1", 39)},
		{"overflow", attrs{"pk": str("a"), "sk": str("b"), "x": num("1e126")}, noNumber + "1e126"},
		{"underflow", attrs{"pk": str("a"), "sk": str("b"), "x": num("1e-131")}, noNumber + "1e-131"},
		{"set", attrs{"pk": str("a"), "sk": str("b"), "x": &types.AttributeValueMemberSS{Value: []string{"y"}}}, "ValidationException: this endpoint does not support the data type SS"},
		{"binary", attrs{"pk": str("a"), "sk": str("b"), "x": &types.AttributeValueMemberB{Value: []byte{1}}}, "ValidationException: this endpoint does not support the data type B"},
		{"too deep", attrs{"pk": str("a"), "sk": str("b"), "x": deep}, "ValidationException: Nesting Levels have exceeded supported limits"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("items"), Item: test.item})
			wantError(t, err, test.want)
		})
	}
	// The largest item that fits: 400 KB with its names and keys.
	room := 400<<10 - len("pk"+"a"+"sk"+"b"+"x")
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("b"), "x": str(strings.Repeat("x", room))})
}

func TestKeyErrors(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	const empty = "ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value."
	const mismatch = "ValidationException: The provided key element does not match the schema"
	tests := []struct {
		name, table string
		key         attrs
		want        string
	}{
		{"missing", "items", attrs{"pk": str("a")}, mismatch},
		{"superfluous", "items", attrs{"pk": str("a"), "sk": str("b"), "x": str("c")}, mismatch},
		{"wrong type", "items", attrs{"pk": str("a"), "sk": num("1")}, "ValidationException: One or more parameter values were invalid: Missing the key pk or sk in the item, or it is not of type S"},
		{"empty", "items", attrs{"pk": str(""), "sk": str("b")},
			empty},
		{"no table", "other", attrs{"pk": str("a"), "sk": str("b")}, "ResourceNotFoundException: Requested resource not found: Table: other not found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &test.table, Key: test.key})
			wantError(t, err, test.want)
			_, err = c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &test.table, Key: test.key})
			wantError(t, err, test.want)
		})
	}
}

func TestReturnValues(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	key := attrs{"pk": str("a"), "sk": str("b")}
	first := attrs{"pk": str("a"), "sk": str("b"), "n": num("1"), "s": str("x")}
	put(t, c, "items", first)

	for _, returns := range []types.ReturnValue{"", types.ReturnValueNone, types.ReturnValueAllNew} {
		out, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: ptr("items"), Key: key, ReturnValues: returns,
			UpdateExpression: ptr("SET n = :n"), ExpressionAttributeValues: attrs{":n": num("6")}})
		if err != nil {
			t.Fatal(err)
		}
		var want attrs
		if returns == types.ReturnValueAllNew {
			want = attrs{"pk": str("a"), "sk": str("b"), "n": num("6"), "s": str("x")}
		}
		if diff := cmp.Diff(want, out.Attributes, sameAttrs); diff != "" {
			t.Errorf("UpdateItem %s (-want +got):\n%s", returns, diff)
		}
	}
	_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: ptr("items"), Key: key, ReturnValues: types.ReturnValueUpdatedOld})
	wantError(t, err, "ValidationException: this endpoint does not support ReturnValues UPDATED_OLD")
	_, err = c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("items"), Item: first, ReturnValues: types.ReturnValueAllNew})
	wantError(t, err, "ValidationException: ReturnValues can only be ALL_OLD or NONE")
}
