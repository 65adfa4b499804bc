package config

import (
	"slices"
	"strings"
	"testing"
)

func TestFilterKeys(t *testing.T) {
	long := strings.Repeat("k", 64)
	for v, want := range map[string][]string{"": nil, "lang": {"lang"}, "year,lang.code,A_b-9": {"year", "lang.code", "A_b-9"}, "a,b,c,d,e,f,g," + long: {"a", "b", "c", "d", "e", "f", "g", long}} {
		if got, err := parseFilterKeys(v); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q and error %v, want %q", v, got, err, want)
		}
	}
	for _, v := range []string{",", "a,", "a,,b", "a b", "a, b", "é", "a,b,a", "a,b,c,d,e,f,g,h,i", long + "k"} {
		if got, err := parseFilterKeys(v); err == nil {
			t.Errorf("%q: got %q, want an error", v, got)
		}
	}
}
