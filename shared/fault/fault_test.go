package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"ragtime/shared/fault"
)

func TestFrom(t *testing.T) {
	known := fault.InvalidField("text", "must not be empty")
	tests := []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"a fault", known, fault.Invalid},
		{"a wrapped fault", fmt.Errorf("put: %w", known), fault.Invalid},
		{"a deadline", fmt.Errorf("read: %w", context.DeadlineExceeded), fault.Timeout},
		{"a cancellation", context.Canceled, fault.Canceled},
		{"anything else", errors.New("secret"), fault.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fault.From(tt.err)
			if got.Kind != tt.want {
				t.Errorf("kind %v, want %v", got.Kind, tt.want)
			}
			if !errors.Is(tt.err, got) && !errors.Is(got, tt.err) {
				t.Errorf("%v lost its cause", got)
			}
			if got.Kind == fault.Internal && got.Detail != "internal error" {
				t.Errorf("detail %q tells the caller more than it may know", got.Detail)
			}
		})
	}
	if fault.From(nil) != nil || fault.OutcomeOf(nil) != fault.OK {
		t.Error("no error is a fault")
	}
}

// The table is complete: every kind has a name of its own and a status.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Canceled; k++ {
		if k.String() == "" || seen[k.String()] || k.Title() == "" || k.Status() < 400 {
			t.Errorf("kind %d: name %q, title %q, status %d", k, k, k.Title(), k.Status())
		}
		seen[k.String()] = true
	}
}
