package exact_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

func TestObject(t *testing.T) {
	o := exact.Read([]byte(`{"a":"x","A":"y","no":null,"flag":true,"in":{"b":"z","n":null},"lists":{"l":["1","2"],"n":null},"empty":{}}`))
	if o.Text("a") != "x" ||
		o.Text("no") != "" ||
		o.Text("missing") != "" ||
		!o.Flag("flag") ||
		o.Object("in").Text("b") != "z" {
		t.Errorf("got %v, want the values by exact names", o)
	}
	if o.Has("no") ||
		!o.Has("a") ||
		o.IsObject("a") ||
		!o.IsObject("empty") ||
		o.IsObject("missing") ||
		o.Object("missing").Fields != nil ||
		o.Object("empty").Fields == nil {
		t.Error("what is there is told wrongly")
	}
	if d := cmp.Diff(map[string]string{"b": "z"}, o.Texts("in")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string][]string{"l": {"1", "2"}}, o.Lists("lists")); d != "" {
		t.Error(d)
	}
	if err := o.Err(); err != nil {
		t.Error(err)
	}
}

// Err returns the first mistake, with its path, wherever in the object it is.
func TestObjectMistakes(t *testing.T) {
	tests := []struct {
		event string
		read  func(exact.Object)
		field string
	}{
		{`[]`, func(exact.Object) {}, "event"},
		{``, func(exact.Object) {}, "event"},
		{`{"a":1,"a":1}`, func(exact.Object) {}, "a"},
		{`{"a":1}`, func(o exact.Object) { o.Text("a") }, "a"},
		{`{"a":1}`, func(o exact.Object) { o.Object("a") }, "a"},
		{`{"a":{"b":"x"}}`, func(o exact.Object) { o.Object("a").Flag("b") }, "a.b"},
		{`{"a":{"b":1,"b":2}}`, func(o exact.Object) { o.Object("a") }, "a.b"},
		{`{"a":{"b":[1]}}`, func(o exact.Object) { o.Lists("a") }, "a.b"},
		{`{"a":{"b\n":1}}`, func(o exact.Object) { o.Texts("a") }, `a."b\n"`},
		{`{"a":1,"b":2}`, func(o exact.Object) { o.Text("b"); o.Text("a") }, "b"},
	}
	for _, tt := range tests {
		o := exact.Read([]byte(tt.event))
		tt.read(o)
		f := fault.From(o.Err())
		if f == nil || f.Kind != fault.Invalid || f.Field != tt.field {
			t.Errorf("%s: got %v, want a fault of field %s", tt.event, f, tt.field)
		}
	}
}
