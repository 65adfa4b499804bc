package apigw_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/apigw"
)

type thing struct {
	Name   string `json:"name"`
	Count  *int   `json:"count"`
	Filter struct {
		Collection *string           `json:"collection"`
		Metadata   map[string]string `json:"metadata"`
	} `json:"filter"`
	Score *float64          `json:"score"`
	Tags  map[string]string `json:"tags"`
}

// decode is a route that decodes a thing.
func decode(into *thing) apigw.Route {
	return func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		return apigw.Response{Status: 204}, r.JSON(into)
	}
}

func TestJSONTaken(t *testing.T) {
	count, score, collection := 3, 0.5, "c"
	var nested thing
	nested.Filter.Collection, nested.Filter.Metadata = &collection, map[string]string{"k": ""}
	tests := []struct {
		name, body string
		want       thing
	}{
		{"empty object", `{}`, thing{}},
		{"all around it blank", " \n{\"name\":\"a\"}\t", thing{Name: "a"}},
		{"pointers", `{"count":3,"score":5e-1}`, thing{Count: &count, Score: &score}},
		{"nested", `{"filter":{"collection":"c","metadata":{"k":""}}}`, nested},
		{"escaped", `{"n\u0061me":"\u00e9\ud83d\ude00"}`, thing{Name: "é😀"}},
	}
	for _, tt := range tests {
		for _, encoded := range []bool{false, true} {
			e := post(tt.body)
			if e.IsBase64Encoded = encoded; encoded {
				e.Body = base64.StdEncoding.EncodeToString([]byte(tt.body))
			}
			var got thing
			if r := serve(t, t.Context(), e, decode(&got)); r.StatusCode != 204 {
				t.Errorf("%s: got %d %s", tt.name, r.StatusCode, r.Body)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
		}
	}
}

func TestJSONRefused(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct{ name, body, field, detail string }{
		{"nothing", "", "body", "must not be empty"},
		{"blank", " \n", "body", "must not be empty"},
		{"no JSON", "name=a", "body", "not valid JSON"},
		{"truncated", `{"name":"a`, "body", "not valid JSON"},
		{"two values", `{}{}`, "body", "not valid JSON"},
		{"NaN", `{"score":NaN}`, "body", "not valid JSON"},
		{"byte order mark", "\ufeff{}", "body", "not valid JSON"},
		{"no UTF-8", "{\"name\":\"\xff\"}", "body", "must be valid UTF-8"},
		{"array", `[{"name":"a"}]`, "body", "must be a JSON object"},
		{"null", `null`, "body", "must be a JSON object"},
		{"null after a blank", ` null`, "body", "must be a JSON object"},
		{"string", `"name"`, "body", "must be a JSON object"},
		{"unknown", `{"nmae":"a"}`, "nmae", "is not a field"},
		{"other case", `{"Name":"a"}`, "Name", "is not a field"},
		{"empty name", `{"":1}`, `""`, "is not a field"},
		{"unknown nested", `{"filter":{"colection":"c"}}`, "filter.colection", "is not a field"},
		{"unprintable name", `{"a\nb":1}`, `"a\nb"`, "is not a field"},
		{"long name", `{"` + strings.Repeat("n", 9999) + `":1}`, strings.Repeat("n", 64) + "...", "is not a field"},
		{"twice", `{"name":"a","name":"b"}`, "name", "must not be given twice"},
		{"twice, once escaped", `{"name":"a","n\u0061me":"b"}`, "name", "must not be given twice"},
		{"twice nested", `{"filter":{"collection":"a","collection":"b"}}`, "filter.collection", "must not be given twice"},
		{"key twice", `{"tags":{"k":"a","k":"b"}}`, "tags", "must not have a key twice"},
		{"number for string", `{"name":1}`, "name", "must be a string"},
		{"null for string", `{"name":null}`, "name", "must be a string"},
		{"array for string", `{"name":["a"]}`, "name", "must be a string"},
		{"null for pointer", `{"count":null}`, "count", "must be an integer"},
		{"fraction for int", `{"count":1.5}`, "count", "must be an integer"},
		{"float for int", `{"count":1.0}`, "count", "must be an integer"},
		{"string for int", `{"count":"1"}`, "count", "must be an integer"},
		{"bool for int", `{"count":true}`, "count", "must be an integer"},
		{"huge int", `{"count":99999999999999999999}`, "count", "must be an integer"},
		{"huge number", `{"score":1e999}`, "score", "must be a number"},
		{"string for object", `{"filter":"c"}`, "filter", "must be a JSON object"},
		{"array for object", `{"filter":[]}`, "filter", "must be a JSON object"},
		{"null for object", `{"filter":null}`, "filter", "must be a JSON object"},
		{"null nested", `{"filter":{"collection":null}}`, "filter.collection", "must be a string"},
		{"null for map", `{"tags":null}`, "tags", "must be an object of strings"},
		{"array for map", `{"tags":["a"]}`, "tags", "must be an object of strings"},
		{"number in map", `{"tags":{"k":1}}`, "tags", "must be an object of strings"},
		{"null in map", `{"tags":{"k":null}}`, "tags", "must be an object of strings"},
		{"object in map", `{"filter":{"metadata":{"k":{}}}}`, "filter.metadata", "must be an object of strings"},
		{"deep in a field", `{"name":` + deep(5000) + `}`, "name", "must be a string"},
		{"too deep in a field", `{"name":` + deep(10001) + `}`, "body", "nested too deep"},
		{"too deep", deep(2_000_000), "body", "nested too deep"},
		{"too deep, never closed", strings.Repeat(`{"a":`, 1_000_000), "body", "nested too deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var into thing
			e := post(tt.body)
			if !utf8.ValidString(tt.body) { // no event can have it as it is
				e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(tt.body)), true
			}
			r := serve(t, t.Context(), e, decode(&into))
			p := problem(t, r)
			if r.StatusCode != 400 || p.Field != tt.field || !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("got %d, field %q, %q; want 400, field %q, %q", r.StatusCode, p.Field, p.Detail, tt.field, tt.detail)
			}
		})
	}
}

func TestBrokenBase64(t *testing.T) {
	tests := []struct{ name, body, detail string }{
		{"no base64", "{}", "is not valid base64"},
		{"no padding", "e30", "is not valid base64"},
		{"no UTF-8 in it", base64.StdEncoding.EncodeToString([]byte("{\"name\":\"\xff\xfe\"}")), "must be valid UTF-8"},
	}
	for _, tt := range tests {
		e := post(tt.body)
		e.IsBase64Encoded = true
		r := serve(t, t.Context(), e, decode(new(thing)))
		if p := problem(t, r); r.StatusCode != 400 || p.Field != "body" || !strings.Contains(p.Detail, tt.detail) {
			t.Errorf("%s: got %d, field %q, %q; want 400, field body, %q", tt.name, r.StatusCode, p.Field, p.Detail, tt.detail)
		}
	}
}

func TestMedia(t *testing.T) {
	tests := []struct {
		header []string
		want   string // empty: 415
	}{
		{[]string{"application/json"}, "application/json"},
		{[]string{"Application/JSON; charset=UTF-8"}, "application/json"},
		{[]string{`text/plain; charset="utf-8"`}, "text/plain"},
		{[]string{"text/plain;charset=us-ascii"}, "text/plain"},
		{[]string{"text/plain; charset=iso-8859-1"}, ""},
		{[]string{"application/json; charset=utf-16"}, ""},
		{[]string{"text/html"}, ""},
		{[]string{"text/plain2"}, ""},
		{[]string{"application/jsonx"}, ""},
		{[]string{"application/json;"}, "application/json"},
		{[]string{"application/json; ="}, ""},
		{[]string{"application/json", "text/plain"}, ""},
		{[]string{""}, ""},
		{nil, ""},
	}
	for _, tt := range tests {
		var got string
		e := post("")
		e.Headers, e.MultiValueHeaders = nil, map[string][]string{"CONTENT-type": tt.header}
		r := serve(t, t.Context(), e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
			var err error
			got, err = r.Media("application/json", "text/plain")
			return apigw.Response{Status: 204}, err
		})
		want := 204
		if tt.want == "" {
			want = 415
		}
		if got != tt.want || r.StatusCode != want {
			t.Errorf("%q: got %q and %d, want %q and %d", tt.header, got, r.StatusCode, tt.want, want)
		}
	}
}

func TestPath(t *testing.T) {
	tests := []struct{ in, want, field string }{
		{"plain-1", "plain-1", ""},
		{"a%2Fb", "a/b", ""},
		{"a%252Fb", "a%2Fb", ""}, // decoded once
		{"a+b", "a+b", ""},
		{"caf%C3%A9", "café", ""},
		{"%", "", "id"},
		{"%zz", "", "id"},
		{"%ff", "", "id"},
		{"", "", ""},
	}
	for _, tt := range tests {
		var got string
		e := post("")
		e.PathParameters = map[string]string{"id": tt.in}
		r := serve(t, t.Context(), e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
			var err error
			got, err = r.Path("id")
			return apigw.Response{Status: 204}, err
		})
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
		if tt.field != "" {
			if p := problem(t, r); p.Field != tt.field || r.StatusCode != 400 {
				t.Errorf("%q: got %d, field %q; want 400, field %q", tt.in, r.StatusCode, p.Field, tt.field)
			}
		}
	}
}

func TestQuery(t *testing.T) {
	e := post("")
	e.QueryStringParameters = map[string]string{"limit": "5", "limti": "6"}
	r := serve(t, t.Context(), e, func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		_, err := r.Query("limit", "cursor")
		return apigw.Response{Status: 204}, err
	})
	if p := problem(t, r); r.StatusCode != 400 || p.Field != "limti" {
		t.Errorf("got %d, field %q; want 400, field limti", r.StatusCode, p.Field)
	}
}
