package dynamo

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestConditions(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	put(t, c, "items", attrs{
		"pk": str("a"), "sk": str("b"), "n": num("10"), "s": str("hello"),
		"l": lst(num("1"), str("two")), "m": obj(attrs{"k": str("v"), "l": lst(num("7"))}),
	})
	values := attrs{
		":9": num("9"), ":10": num("10.0"), ":11": num("11"), ":hello": str("hello"), ":he": str("he"), ":ell": str("ell"),
		":x": str("x"), ":v": str("v"),
		":map": obj(attrs{"l": lst(num("7.0")), "k": str("v")}),
	}
	tests := []struct {
		condition string
		want      bool
	}{
		{"n = :10", true},
		{"n <> :10", false},
		{"n <> :9", true},
		{"n > :9", true},
		{"n >= :10", true},
		{"n < :9", false},
		{"n <= :9", false},
		{":9 < n", true},
		{"n = :hello", false},
		{"n < :hello", false},
		{"absent = :9", false},
		{"absent <> :9", true},
		{"absent < :9", false},
		{"n BETWEEN :9 AND :11", true},
		{"n between :11 and :11", false},
		{"attribute_exists(n)", true},
		{"attribute_not_exists(absent)", true},
		{"begins_with(s, :he)", true},
		{"begins_with(s, :ell)", false},
		{"begins_with(n, :he)", false},
		{"m = :map", true},
		{"NOT n = :10", false},
		{"NOT (n = :9)", true},
		{"n = :10 AND s = :hello", true},
		{"n = :9 OR s = :hello", true},
		{"n = :9 AND s = :he OR s = :hello", true},
		{"n = :9 AND (s = :he OR s = :hello)", false},
		{"((n = :10) AND (NOT attribute_exists(absent)))", true},
	}
	for _, test := range tests {
		t.Run(test.condition, func(t *testing.T) {
			used := attrs{}
			for name, v := range values {
				tokens, _ := lex(test.condition)
				for _, token := range tokens {
					if token.text == name {
						used[name] = v
					}
				}
			}
			if len(used) == 0 {
				used = nil
			}
			_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: ptr("items"), Key: attrs{"pk": str("a"), "sk": str("b")},
				ConditionExpression: &test.condition, ExpressionAttributeValues: used,
			})
			if test.want && err != nil {
				t.Errorf("got %v, want the condition to hold", err)
			}
			if !test.want {
				wantError(t, err, "ConditionalCheckFailedException: The conditional request failed")
			}
		})
	}
}

func TestExpressionErrors(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	const bad = "Invalid ConditionExpression: "
	tests := []struct {
		condition string
		names     map[string]string
		values    attrs
		want      string
	}{
		{"", nil, nil, bad + "The expression can not be empty;"},
		{"a = = :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: "=", near: "= = :v"`},
		{"a =", nil, nil, bad + `Syntax error; token: "<EOF>", near: "="`},
		{"a = :v)", nil, attrs{":v": num("1")}, bad + `Syntax error; token: ")", near: ":v)"`},
		{"a ! :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: "!", near: "a ! :"`},
		{"name = :v", nil, attrs{":v": num("1")}, bad + "Attribute name is a reserved keyword; reserved keyword: name"},
		{"#a = :v", nil, attrs{":v": num("1")}, bad + "An expression attribute name used in the document path is not defined; attribute name: #a"},
		{"a = :w", nil, attrs{":v": num("1")}, bad + "An expression attribute value used in expression is not defined; attribute value: :w"},
		{"a = :v", map[string]string{"#b": "b"}, attrs{":v": num("1")}, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"},
		{"a = :v", nil, attrs{":v": num("1"), ":w": num("2")}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"},
		{"contains(a, :v)", nil, attrs{":v": num("1")}, bad + "Invalid function name; function: contains"},
		{"a.b = :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: ".", near: "a.b"`},
		{"size(a) = :v", nil, attrs{":v": num("1")}, bad + "Invalid function name; function: size"},
		{"nope(a)", nil, nil, bad + "Invalid function name; function: nope"},
		{"attribute_exists(a, b)", nil, nil, bad + "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"},
		{"attribute_exists(:v)", nil, attrs{":v": num("1")}, bad + "Operator or function requires a document path; operator or function: attribute_exists"},
		{"begins_with(a, :v)", nil, attrs{":v": num("1")}, bad + "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"a = :v" + strings.Repeat(" ", 4096), nil, attrs{":v": num("1")}, bad + "Expression size has exceeded the maximum allowed size; expression size: 4102"},
	}
	for _, test := range tests {
		t.Run(test.condition, func(t *testing.T) {
			_, err := c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: ptr("items"), Key: attrs{"pk": str("a"), "sk": str("b")}, ConditionExpression: &test.condition,
				ExpressionAttributeNames: test.names, ExpressionAttributeValues: test.values,
			})
			wantError(t, err, "ValidationException: "+test.want)
		})
	}
	t.Run("no expression", func(t *testing.T) {
		in := dynamodb.DeleteItemInput{TableName: ptr("items"), Key: attrs{"pk": str("a"), "sk": str("b")}}
		named, valued := in, in
		named.ExpressionAttributeNames = map[string]string{"#a": "a"}
		_, err := c.DeleteItem(t.Context(), &named)
		wantError(t, err, "ValidationException: ExpressionAttributeNames can only be specified when using expressions")
		valued.ExpressionAttributeValues = attrs{":v": num("1")}
		_, err = c.DeleteItem(t.Context(), &valued)
		wantError(t, err, "ValidationException: ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null")
	})
}

func TestConditionFailureGivesTheOldItem(t *testing.T) {
	c := start(t)
	create(t, c, plainTable("items"))
	put(t, c, "items", attrs{"pk": str("a"), "sk": str("b"), "version": num("3")})
	_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: ptr("items"), Item: attrs{"pk": str("a"), "sk": str("b"), "version": num("4")},
		ConditionExpression:                 ptr("attribute_not_exists(pk)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		t.Fatalf("got error %v, want a ConditionalCheckFailedException", err)
	}
	if got := failed.Item["version"].(*types.AttributeValueMemberN).Value; got != "3" {
		t.Errorf("got version %s in the error, want 3", got)
	}
}

// FuzzExpressions: no text panics the parsers, and what parses evaluates.
func FuzzExpressions(f *testing.F) {
	for _, s := range []string{
		"a = :v", "NOT (a = :v AND #n > :n) OR begins_with(a, :v)", "a BETWEEN :n AND :n",
		"SET a = if_not_exists(a, :n), b = :l REMOVE c", "a, b, #n", "((((", "a[", "#", ":", "\xff",
	} {
		f.Add(s)
	}
	names := map[string]string{"#n": "n"}
	values := item{
		":v": {kind: kindS, text: "x"}, ":n": numberValue(1), ":l": {kind: kindL},
	}
	it := item{"a": {kind: kindM, attr: item{"b": {kind: kindL, list: []value{numberValue(1)}}}}, "n": numberValue(2)}
	f.Fuzz(func(t *testing.T, s string) {
		p := newParser(names, values)
		if c := p.condition("ConditionExpression", s); p.err == nil {
			c.test(it)
		}
		p = newParser(names, values)
		if u := p.update(s); p.err == nil {
			u.apply(it)
		}
		p = newParser(names, values)
		if names := p.projection(s); p.err == nil {
			names.apply(it)
		}
	})
}

// FuzzReader: no body panics the reader, and what it reads it reads back alike.
func FuzzReader(f *testing.F) {
	f.Add(`{"a":{"S":"x\u00fc\\"},"b":{"L":[{"N":"1e3"},{"M":{}}]},"d":null,"f":{"BOOL":true}}`)
	f.Add(`{"a":{"S":"\ud800"}`)
	f.Add(`[{]`)
	f.Fuzz(func(t *testing.T, s string) {
		r := &reader{text: s}
		it := r.attributes()
		if r.end(); r.err != nil {
			return
		}
		text := string(appendItem(nil, it))
		again := &reader{text: text}
		if got := again.attributes(); again.err != nil || string(appendItem(nil, got)) != text {
			t.Errorf("got %v, %v from %s", got, again.err, text)
		}
	})
}
