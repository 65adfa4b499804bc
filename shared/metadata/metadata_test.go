package metadata

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"ragtime/shared/fault"
)

func wantField(t *testing.T, what string, err error, field string) {
	t.Helper()
	if field == "" && err == nil {
		return
	}
	if f := fault.From(err); f == nil ||
		f.Kind != fault.Invalid ||
		f.Field != field ||
		!strings.HasPrefix(f.Detail, field) {
		t.Errorf("%s: got %v, want a fault of field %q", what, err, field)
	}
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want Value
		kind Kind
	}{
		{`"text"`, String("text"), Text},
		{`"\u00e9\ud83d\ude00"`, String("é😀"), Text},
		{`""`, Value{}, Text},
		{`"1"`, String("1"), Text},
		{`true`, Bool(true), Boolean},
		{` false `, Bool(false), Boolean},
		{`-0.0e999999999999999999999`, number(t, "0"), Number},
		{`1.50`, number(t, "1.5"), Number},
		{`1E+2`, number(t, "100"), Number},
		{`0.0010e2`, number(t, "0.1"), Number},
	} {
		got, err := Read("k", json.RawMessage(test.raw))
		if err != nil || got != test.want || got.Kind() != test.kind {
			t.Errorf("%s: got %v of kind %d and error %v, want %v", test.raw, got, got.Kind(), err, test.want)
		}
	}
	for _, raw := range []string{`null`, `[]`, `["a"]`, `{}`, ``, `NaN`, `nan`, `Infinity`, `-`, `-Infinity`, `1e126`, `-1e126`, `1e-131`, `1e999999999999999999999`, `1e-999999999999999999999`,
		`0.` + strings.Repeat("3", 39), strings.Repeat("9", 127), `1` + strings.Repeat("0", 38) + `1`} {
		_, err := Read("a.b", json.RawMessage(raw))
		wantField(t, raw, err, "a.b")
	}
}

func number(t *testing.T, s string) Value {
	t.Helper()
	v, ok := Decimal(s)
	if !ok {
		t.Fatalf("%s is no number", s)
	}
	return v
}

// randomNumber returns a random number in one of JSON's notations.
func randomNumber(r *rand.Rand) string {
	digits := func(n int) (s string) {
		for range n {
			s += fmt.Sprint(r.IntN(10))
		}
		return s
	}
	s := []string{"", "-"}[r.IntN(2)] + []string{"0", fmt.Sprint(1+r.IntN(9)) + digits(r.IntN(18))}[r.IntN(2)]
	if r.IntN(2) == 0 {
		s += "." + digits(1+r.IntN(18))
	}
	if r.IntN(2) == 0 {
		s += fmt.Sprintf("%s%s%d", []string{"e", "E"}[r.IntN(2)], []string{"", "+", "-"}[r.IntN(3)], r.IntN(60))
	}
	return s
}

// TestNumbers compares numbers' values, their order and their notation with big.Rat's.
func TestNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	before := number(t, "0")
	beforeRat := new(big.Rat)
	for range 20_000 {
		s := randomNumber(r)
		v := number(t, s)
		rat := new(big.Rat)
		if _, ok := rat.SetString(s); !ok {
			t.Fatalf("the test's number %s is none", s)
		}
		shown, ok := new(big.Rat).SetString(v.Decimal())
		if !ok || shown.Cmp(rat) != 0 || !json.Valid([]byte(v.Decimal())) {
			t.Fatalf("%s is shown as %s", s, v.Decimal())
		}
		if again := number(t, v.Decimal()); again != v {
			t.Fatalf("%s is %#v, read again %#v", s, v, again)
		}
		if got, ok := v.Compare(before); !ok || got != rat.Cmp(beforeRat) || (v == before) != (got == 0) {
			t.Fatalf("%s and %s: got order %d and equal %t, want %d", v, before, got, v == before, rat.Cmp(beforeRat))
		}
		if r.IntN(3) > 0 { // else equal ones would hardly meet
			before, beforeRat = v, rat
		}
	}
}

func TestCompareTypes(t *testing.T) {
	one := number(t, "1")
	text := String("1")
	yes := Bool(true)
	for _, pair := range [][2]Value{{one, text}, {text, one}, {yes, text}, {one, yes}, {yes, yes}} {
		if _, ok := pair[0].Compare(pair[1]); ok {
			t.Errorf("%s and %s have an order", pair[0], pair[1])
		}
	}
	if n, ok := String("ä").Compare(String("z")); !ok || n <= 0 {
		t.Errorf("ä and z: got %d, %t; want the order of code points", n, ok)
	}
}

func TestMap(t *testing.T) {
	entries := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	long := func(n int) string { return strings.Repeat("界", n) }
	for _, test := range []struct{ name, raw, field string }{
		{"none", `{}`, ""},
		{"all kinds", `{"a":"x","b":1.5e3,"c":true,"d":""}`, ""},
		{"20 entries", entries(20), ""},
		{"21 entries", entries(21), "m"},
		{"longest", `{"` + long(64) + `":"` + long(512) + `"}`, ""},
		{"key too long", `{"` + long(65) + `":1}`, "m"},
		{"key empty", `{"":1}`, "m"},
		{"key damaged", `{"a\ud800":1}`, "m"},
		{"key with NUL", `{"a\u0000":1}`, "m"},
		{"key twice", `{"a":1,"a":1}`, "m"},
		{"string too long", `{"k":"` + long(513) + `"}`, "m.k"},
		{"string damaged", `{"k":"\ud800"}`, "m.k"},
		{"string with NUL", `{"k":"\u0000"}`, "m.k"},
		{"null", `{"k":null}`, "m.k"},
		{"list", `{"k":["a"]}`, "m.k"},
		{"no object", `["a"]`, "m"},
	} {
		var m Map
		err := m.ReadExact("m", []byte(test.raw))
		if err == nil {
			err = m.Check("m")
		}
		wantField(t, test.name, err, test.field)
		if err != nil {
			continue
		}
		raw, err := json.Marshal(m)
		var again Map
		if err != nil || json.Unmarshal(raw, &again) != nil || len(again) != len(m) {
			t.Fatalf("%s: written as %s", test.name, raw)
		}
		for k, v := range m {
			if again[k] != v {
				t.Errorf("%s: %s came back as %v, want %v", test.name, k, again[k], v)
			}
		}
	}
}
