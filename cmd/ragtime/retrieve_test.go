package main

import (
	"encoding/json"
	"testing"
)

func TestFilterOfFlags(t *testing.T) {
	for _, test := range []struct {
		name string
		c    narrowing
		want string // "" for a mistake
	}{
		{"none", narrowing{}, `null`},
		{"flags", narrowing{Document: "a", Collection: "c"}, `{"document_id":"a","collection":"c"}`},
		{"a string", narrowing{Metadata: map[string]string{"year": "2026"}}, `{"metadata":{"year":"2026"}}`},
		{"a number and a boolean", narrowing{Metadata: map[string]string{"year:": "2026", "draft:": "true"}}, `{"metadata":{"draft":true,"year":2026}}`},
		{"JSON", narrowing{Filter: `{"or":[]}`}, `{"or":[]}`},
		{"no JSON value", narrowing{Metadata: map[string]string{"year:": "de"}}, ""},
		{"no JSON", narrowing{Filter: `{`}, ""},
		{"both", narrowing{Filter: `{}`, Collection: "c"}, ""},
	} {
		f, err := test.c.filter()
		got, _ := json.Marshal(f)
		if (err != nil) != (test.want == "") || err == nil && string(got) != test.want {
			t.Errorf("%s: got %s and error %v, want %s", test.name, got, err, test.want)
		}
	}
}
