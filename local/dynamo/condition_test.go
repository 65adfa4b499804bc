package dynamo

import (
	"errors"
	"slices"
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
		":10": num("10.0"), ":hello": str("hello"), ":he": str("he"), ":ell": str("ell"), ":x": str("x"), ":v": str("v"),
		":map": obj(attrs{"l": lst(num("7.0")), "k": str("v")}),
	}
	tests := []struct {
		condition string
		want      bool
	}{
		{"n = :10", true},
		{"s = :10", false},
		{"m = :map", true},
		{"absent = :x", false},
		{"s > :he", true},
		{"s >= :hello", true},
		{"s < :hello", false},
		{"s <= :hello", true},
		{"n < :hello", false},
		{"absent < :x", false},
		{"s BETWEEN :he AND :x", true},
		{"s between :x and :x", false},
		{"attribute_exists(n)", true},
		{"attribute_not_exists(absent)", true},
		{"attribute_not_exists(n)", false},
		{"begins_with(s, :he)", true},
		{"begins_with(s, :ell)", false},
		{"begins_with(n, :he)", false},
		{"n = :10 AND s = :hello", true},
		{"n = :x OR s = :hello", true},
		{"n = :x AND s = :he OR s = :hello", true},
		{"n = :x AND (s = :he OR s = :hello)", false},
		{"((n = :10) AND (attribute_not_exists(absent)))", true},
	}
	for _, test := range tests {
		t.Run(test.condition, func(t *testing.T) {
			used := attrs{}
			for name, v := range values {
				if slices.Contains(lex(test.condition), name) {
					used[name] = v
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
		{"a = = :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: "="`},
		{"a =", nil, nil, bad + `Syntax error; token: "<EOF>"`},
		{"a = :v)", nil, attrs{":v": num("1")}, bad + `Syntax error; token: ")"`},
		{"a ! :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: "!"`},
		{"a <> :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: "<>"`},
		{"NOT a = :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: "a"`},
		{":v = a", nil, attrs{":v": num("1")}, bad + `Syntax error; token: ":v"`},
		{"a.b = :v", nil, attrs{":v": num("1")}, bad + `Syntax error; token: "."`},
		{"a < :v", nil, attrs{":v": num("1")}, bad + "this endpoint knows the order of strings only: a <"},
		{"begins_with(a, :v)", nil, attrs{":v": num("1")}, bad + "this endpoint knows the order of strings only: a begins_with"},
		{"#a = :v", nil, attrs{":v": num("1")}, bad + "An expression attribute name used in the document path is not defined; attribute name: #a"},
		{"a = :w", nil, attrs{":v": num("1")}, bad + "An expression attribute value used in expression is not defined; attribute value: :w"},
		{"a = :v", map[string]string{"#b": "b"}, attrs{":v": num("1")}, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"},
		{"a = :v", nil, attrs{":v": num("1"), ":w": num("2")}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"},
		{"contains(a, :v)", nil, attrs{":v": num("1")}, bad + "Invalid function name; function: contains"},
		{"attribute_exists(a, b)", nil, nil, bad + `Syntax error; token: ","`},
		{"attribute_exists(:v)", nil, attrs{":v": num("1")}, bad + `Syntax error; token: ":v"`},
	}
	for _, test := range tests {
		t.Run(test.condition, func(t *testing.T) {
			_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: ptr("items"), Key: attrs{"pk": str("a"), "sk": str("b")}, ConditionExpression: &test.condition,
				ExpressionAttributeNames: test.names, ExpressionAttributeValues: test.values,
			})
			wantError(t, err, "ValidationException: "+test.want)
		})
	}
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
		"a = :v", "(a = :v AND #n > :v) OR begins_with(a, :v)", "a BETWEEN :v AND :v",
		"SET a = if_not_exists(a, :n), b = :l REMOVE c", "a, b, #n", "((((", "a[", "#", ":", "\xff", "(", "a(",
	} {
		f.Add(s)
	}
	names := map[string]string{"#n": "n"}
	values := item{
		":v": {kind: kindS, text: "x"}, ":n": {kind: kindN, text: "1"}, ":l": {kind: kindL},
	}
	it := item{"a": {kind: kindM, attr: item{"b": {kind: kindL, list: []value{{kind: kindN, text: "1"}}}}}, "n": {kind: kindS, text: "y"}}
	f.Fuzz(func(t *testing.T, s string) {
		for label, evaluate := range map[string]func(*parser){
			"ConditionExpression":  func(p *parser) { c := p.condition(); c.test(it) },
			"UpdateExpression":     func(p *parser) { p.update().apply(it) },
			"ProjectionExpression": func(p *parser) { p.projection().apply(it) },
		} {
			p := newParser(names, values)
			p.read(label, s, func() {
				if evaluate(p); p.err != nil && len(p.tokens) > 0 {
					t.Errorf("%s: it stands at %q after %v", label, p.tokens, p.err)
				}
			})
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
