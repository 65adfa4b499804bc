package main

import (
	"os"
	"strings"
	"testing"
)

// The code to break is there, exactly once each. Whether it is noticed is main's to tell.
func TestBreaches(t *testing.T) {
	for _, b := range breaches {
		code, err := os.ReadFile("../../../" + b.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(code), b.old); n != 1 {
			t.Errorf("%s: %s has its code %d times, want once", b.rule, b.file, n)
		}
	}
}
