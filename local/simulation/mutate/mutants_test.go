package main

import (
	"os"
	"strings"
	"testing"
)

// The code to break is there, exactly once each. Whether it is noticed is main's to tell.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		code, err := os.ReadFile("../../../" + m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(code), m.from); n != 1 {
			t.Errorf("%s: %s has its code %d times, want once", m.rule, m.file, n)
		}
	}
}
