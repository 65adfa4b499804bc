package filter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/fault"
	"ragtime/shared/metadata"
)

func read(t *testing.T, raw string) (f Filter) {
	t.Helper()
	if err := f.ReadExact("filter", []byte(raw)); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return f
}

func labels(t *testing.T, raw string) (m metadata.Map) {
	t.Helper()
	if err := m.ReadExact("metadata", []byte(raw)); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return m
}

// TestMatch tests each operator with each kind of value, and without the key.
func TestMatch(t *testing.T) {
	documents := []string{`{"k":"b"}`, `{"k":"ba"}`, `{"k":1}`, `{"k":-2.5}`, `{"k":true}`, `{"k":"1"}`, `{"other":"b"}`}
	for _, test := range []struct{ condition, want string }{
		{`"b"`, "x------"},
		{`{"eq":"b"}`, "x------"},
		{`1.0`, "--x----"},
		{`true`, "----x--"},
		{`false`, "-------"},
		{`{"ne":"b"}`, "-xxxxxx"},
		{`{"ne":1}`, "xx-xxxx"},
		{`{"in":["ba",1,true,9]}`, "-xx-x--"},
		{`{"in":["b"]}`, "x------"},
		{`{"lt":1}`, "---x---"},
		{`{"lte":1}`, "--xx---"},
		{`{"gt":-2.5}`, "--x----"},
		{`{"gte":-2.5}`, "--xx---"},
		{`{"lt":"b"}`, "-----x-"},
		{`{"lte":"b"}`, "x----x-"},
		{`{"gt":"b"}`, "-x-----"},
		{`{"gte":"b"}`, "xx-----"},
		{`{"exists":true}`, "xxxxxx-"},
		{`{"exists":false}`, "------x"},
		{`{"prefix":"b"}`, "xx-----"},
		{`{"prefix":"ba"}`, "-x-----"},
		{`{"prefix":""}`, "xx---x-"},
		{`{"gt":-3,"lt":0}`, "---x---"},
	} {
		f := read(t, `{"metadata":{"k":`+test.condition+`}}`)
		inverse := read(t, `{"not":{"metadata":{"k":`+test.condition+`}}}`)
		got := ""
		for _, d := range documents {
			m := labels(t, d)
			got += map[bool]string{true: "x", false: "-"}[f.Match(m)]
			if f.Match(m) == inverse.Match(m) {
				t.Errorf("%s of %s is the same as its negation", test.condition, d)
			}
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s of %v", test.condition, got, test.want, documents)
		}
	}
}

func TestRead(t *testing.T) {
	f := read(t, `{"document_id":"a","collection":"c","metadata":null,"and":null,"or":null,"not":null}`)
	if f.DocumentID != "a" || f.Collection != "c" || !f.Match(nil) {
		t.Errorf("got %+v, want nothing of the metadata asked", f)
	}
	for _, raw := range []string{`{}`, `{"metadata":{}}`, `{"document_id":null}`} {
		if f := read(t, raw); f.DocumentID != "" || !f.Match(nil) {
			t.Errorf("%s: got %+v, want the zero value", raw, f)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	values := func(n int) string { return strings.TrimSuffix(strings.Repeat("1,", n), ",") }
	deep := func(n int) string {
		return strings.Repeat(`{"not":`, n-1) + `{"metadata":{"k":1}}` + strings.Repeat("}", n-1)
	}
	read(t, `{"metadata":{"k":{"in":[`+values(MaxOperands)+`]}}}`)
	read(t, deep(MaxDepth))
	for _, test := range []struct{ raw, field, detail string }{
		{`[]`, "", "must be a JSON object"},
		{`{"x":1}`, ".x", "is not a field of a filter"},
		{`{"Or":[]}`, ".Or", "is not a field of a filter"},
		{`{"or":[],"or":[]}`, ".or", "must not be given twice"},
		{`{"document_id":""}`, ".document_id", "must not be empty"},
		{`{"collection":1}`, ".collection", "must be a string"},
		{`{"or":[{"collection":"c"}]}`, ".or[0].collection", "outermost"},
		{`{"not":{"document_id":"a"}}`, ".not.document_id", "outermost"},
		{`{"or":{}}`, ".or", "must be a list of filters"},
		{`{"or":[]}`, ".or", "at least one"},
		{`{"and":[{"metadata":{"k":1}},null]}`, ".and[1]", "must be a JSON object"},
		{`{"and":[{"metadata":{"k":1}},{}]}`, ".and[1]", "must have a condition"},
		{`{"not":{"metadata":{}}}`, ".not", "must have a condition"},
		{`{"metadata":[]}`, ".metadata", "must be a JSON object"},
		{`{"metadata":{"k":1,"k":2}}`, ".metadata.k", "must not be given twice"},
		{`{"metadata":{"":1}}`, ".metadata", "empty key"},
		{`{"metadata":{"k":null}}`, ".metadata.k", "must be a string, a number or a boolean"},
		{`{"metadata":{"k":["a"]}}`, ".metadata.k", "must be a string, a number or a boolean"},
		{`{"metadata":{"k":{}}}`, ".metadata.k", "must have an operator"},
		{`{"metadata":{"k":{"$eq":1}}}`, ".metadata.k.$eq", "is not an operator: there are eq, exists, gt, gte, in, lt, lte, ne, prefix"},
		{`{"metadata":{"k":{"or":[1]}}}`, ".metadata.k.or", "is not an operator"},
		{`{"metadata":{"k":{"eq":1,"eq":2}}}`, ".metadata.k.eq", "must not be given twice"},
		{`{"metadata":{"k":{"eq":null}}}`, ".metadata.k.eq", "must be a string, a number or a boolean"},
		{`{"metadata":{"k":{"eq":[1]}}}`, ".metadata.k.eq", "must be a string, a number or a boolean"},
		{`{"metadata":{"k":{"in":1}}}`, ".metadata.k.in", "must be a list of values"},
		{`{"metadata":{"k":{"in":[]}}}`, ".metadata.k.in", "at least one"},
		{`{"metadata":{"k":{"in":[1,[2]]}}}`, ".metadata.k.in[1]", "must be a string, a number or a boolean"},
		{`{"metadata":{"k":{"lt":true}}}`, ".metadata.k.lt", "must be a string or a number"},
		{`{"metadata":{"k":{"gte":1e999}}}`, ".metadata.k.gte", "must be a number of at most 38 digits"},
		{`{"metadata":{"k":{"exists":1}}}`, ".metadata.k.exists", "must be true or false"},
		{`{"metadata":{"k":{"prefix":1}}}`, ".metadata.k.prefix", "must be a string"},
		{`{"metadata":{"k":{"prefix":"` + strings.Repeat("v", 513) + `"}}}`, ".metadata.k.prefix", "at most 512 characters"},
		{`{"metadata":{"a\nb":{"eq":"\u0000"}}}`, `.metadata."a\nb".eq`, "NUL"},
		{`{"metadata":{"k":{"in":[` + values(MaxOperands+1) + `]}}}`, ".metadata.k.in[64]", "is one too many"},
		{`{"or":[` + strings.TrimSuffix(strings.Repeat(`{"metadata":{"k":1}},`, MaxOperands+1), ",") + `]}`, ".or[64].metadata.k", "is one too many"},
		{deep(MaxDepth + 1), strings.Repeat(".not", MaxDepth), "must not be nested deeper than 5 filters"},
		{deep(5000), strings.Repeat(".not", MaxDepth), "must not be nested deeper"},
	} {
		var f Filter
		got := fault.From(f.ReadExact("filter", []byte(test.raw)))
		if got == nil ||
			got.Kind != fault.Invalid ||
			got.Field != "filter"+test.field ||
			!strings.Contains(got.Detail, test.detail) {
			t.Errorf("%.200s: got %v, want field filter%s, %q", test.raw, got, test.field, test.detail)
		}
	}
}

func TestInline(t *testing.T) {
	for _, test := range []struct {
		raw    string
		values string
		more   bool
	}{
		{`{}`, `{}`, false},
		{`{"document_id":"a"}`, `{}`, false},
		{`{"metadata":{"lang":"de"}}`, `{"lang":"de"}`, false},
		{`{"metadata":{"lang":"de","year":2020}}`, `{"lang":"de","year":2020}`, false},
		{`{"metadata":{"lang":"de","other":1}}`, `{"lang":"de"}`, true},
		{`{"metadata":{"lang":{"in":["de"]}}}`, `{"lang":"de"}`, false},
		{`{"metadata":{"lang":{"in":["de","en"]}}}`, `{}`, true},
		{`{"metadata":{"lang":{"prefix":"d"}}}`, `{}`, true},
		{`{"metadata":{"lang":{"ne":"de"}}}`, `{}`, true},
		{`{"metadata":{"lang":{"eq":"de","prefix":"d"}}}`, `{"lang":"de"}`, true},
		{`{"and":[{"metadata":{"lang":"de"}},{"and":[{"metadata":{"year":2020}}]}]}`, `{"lang":"de","year":2020}`, false},
		{`{"and":[{"metadata":{"lang":"de"}},{"metadata":{"lang":"de"}}]}`, `{"lang":"de"}`, false},
		{`{"and":[{"metadata":{"lang":"de"}},{"metadata":{"lang":"en"}}]}`, `{"lang":"de"}`, true},
		{`{"or":[{"metadata":{"lang":"de"}}]}`, `{}`, true},
		{`{"not":{"metadata":{"lang":"de"}}}`, `{}`, true},
		{`{"metadata":{"lang":"de"},"not":{"metadata":{"year":2020}}}`, `{"lang":"de"}`, true},
	} {
		values, more := read(t, test.raw).Inline([]string{"lang", "year"})
		if diff := cmp.Diff(labels(t, test.values), values); diff != "" || more != test.more {
			t.Errorf("%s: got more %t, want %t, and values (-want +got):\n%s", test.raw, more, test.more, diff)
		}
	}
}

func ExampleFilter_Match() {
	var f Filter
	if err := f.ReadExact("filter", []byte(`{"metadata": {"year": {"gte": 2020}, "lang": {"in": ["de", "en"]}}, "not": {"metadata": {"draft": true}}}`)); err != nil {
		fmt.Println(err)
	}
	var m metadata.Map
	for _, raw := range []string{`{"year": 2026, "lang": "de"}`, `{"year": "2026", "lang": "de"}`, `{"year": 2026, "lang": "en", "draft": true}`} {
		if err := m.ReadExact("metadata", []byte(raw)); err != nil {
			fmt.Println(err)
		}
		fmt.Println(raw, f.Match(m))
	}
	// Output:
	// {"year": 2026, "lang": "de"} true
	// {"year": "2026", "lang": "de"} false
	// {"year": 2026, "lang": "en", "draft": true} false
}
