package price_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/price"
)

func TestCost(t *testing.T) {
	l := price.OpenAI.With(price.List{"mine": {1, 2}, "gpt-4o": {1, 1}})
	for _, test := range []struct {
		model         string
		input, output int
		want          float64
		ok            bool
	}{
		{"mine", 1_000_000, 500_000, 2, true},
		{"gpt-4o", 1_000_000, 0, 1, true},
		{"gpt-4.1-mini", 1000, 100, 0.00056, true},
		{"gpt-4.1-mini-2025-04-14", 1000, 100, 0.00056, true},
		{"text-embedding-3-small", 50, 0, 0.000001, true},
		{"gpt-4.1-mini-custom", 1, 1, 0, false},
		{"", 1, 1, 0, false},
	} {
		got, ok := l.Cost(test.model, test.input, test.output)
		if ok != test.ok || math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%s: got %v, %t; want %v, %t", test.model, got, ok, test.want, test.ok)
		}
	}
}

func TestParse(t *testing.T) {
	got, err := price.Parse(" a = 1/2.5, b=0.02 ,")
	if d := cmp.Diff(price.List{"a": {1, 2.5}, "b": {0.02, 0}}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for _, bad := range []string{"a", "a=", "=1/2", "a=1/2/3", "a=-1", "a=NaN", "a=1/x", "a=1e9"} {
		if got, err := price.Parse(bad); err == nil {
			t.Errorf("%q: got %v, want a mistake", bad, got)
		}
	}
}
