package exact_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// recordingReader is a Reader that records its arguments.
type recordingReader struct{ path, raw string }

func (r *recordingReader) ReadExact(path string, raw json.RawMessage) error {
	if raw[0] != '{' {
		return fault.InvalidField(path, "must be tags")
	}
	*r = recordingReader{path, string(raw)}
	return nil
}

type thing struct {
	Name   string `json:"name"`
	Count  *int   `json:"count"`
	Filter struct {
		Collection *string         `json:"collection"`
		Metadata   recordingReader `json:"metadata"`
	} `json:"filter"`
	Score *float64         `json:"score"`
	Tags  *recordingReader `json:"tags"`
}

func TestDecode(t *testing.T) {
	count := 3
	score := 0.5
	collection := "c"
	var nested thing
	nested.Filter.Collection = &collection
	nested.Filter.Metadata = recordingReader{"filter.metadata", `{"k":""}`}
	tests := []struct {
		name, body string
		want       thing
	}{
		{"empty object", `{}`, thing{}},
		{"all around it blank", " \n{\"name\":\"a\"}\t", thing{Name: "a"}},
		{"pointers", `{"count":3,"score":5e-1}`, thing{Count: &count, Score: &score}},
		{"null, as if absent", `{"name":null,"count":null,"filter":null,"score":null,"tags":null}`, thing{}},
		{"null nested", `{"filter":{"collection":null,"metadata":null}}`, thing{}},
		{"a reader's pointer", `{"tags":{"k":1}}`, thing{Tags: &recordingReader{"tags", `{"k":1}`}}},
		{"nested", `{"filter":{"collection":"c","metadata":{"k":""}}}`, nested},
		{"escaped", `{"n\u0061me":"\u00e9\ud83d\ude00"}`, thing{Name: "é😀"}},
	}
	for _, tt := range tests {
		var got thing
		if err := exact.Decode([]byte(tt.body), &got); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(recordingReader{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct{ name, body, field, detail string }{
		{"nothing", "", "body", "must not be empty"},
		{"blank", " \n", "body", "must not be empty"},
		{"no JSON", "name=a", "body", "not valid JSON"},
		{"truncated", `{"name":"a`, "body", "not valid JSON"},
		{"two values", `{}{}`, "body", "not valid JSON"},
		{"NaN", `{"score":NaN}`, "body", "not valid JSON"},
		{"byte order mark", "\ufeff{}", "body", "not valid JSON"},
		{"empty name nested", `{"filter":{"":1}}`, `filter.""`, "is not a field"},
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
		{"number for string", `{"name":1}`, "name", "must be a string"},
		{"array for string", `{"name":["a"]}`, "name", "must be a string"},
		{"fraction for int", `{"count":1.5}`, "count", "must be an integer"},
		{"float for int", `{"count":1.0}`, "count", "must be an integer"},
		{"string for int", `{"count":"1"}`, "count", "must be an integer"},
		{"bool for int", `{"count":true}`, "count", "must be an integer"},
		{"huge int", `{"count":99999999999999999999}`, "count", "must be an integer"},
		{"huge number", `{"score":1e999}`, "score", "must be a number"},
		{"string for object", `{"filter":"c"}`, "filter", "must be a JSON object"},
		{"array for object", `{"filter":[]}`, "filter", "must be a JSON object"},
		{"a reader's refusal", `{"filter":{"metadata":["a"]}}`, "filter.metadata", "must be tags"},
		{"deep in a field", `{"name":` + deep(5000) + `}`, "name", "must be a string"},
		{"too deep in a field", `{"name":` + deep(10001) + `}`, "body", "nested too deep"},
		{"too deep", deep(2_000_000), "body", "nested too deep"},
		{"too deep, never closed", strings.Repeat(`{"a":`, 1_000_000), "body", "nested too deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var into thing
			f := fault.From(exact.Decode([]byte(tt.body), &into))
			if f == nil || f.Kind != fault.Invalid || f.Field != tt.field || !strings.Contains(f.Detail, tt.detail) {
				t.Errorf("got %v, want field %q, %q", f, tt.field, tt.detail)
			}
		})
	}
}
