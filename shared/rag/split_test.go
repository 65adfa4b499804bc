package rag

import (
	"context"
	"strings"
	"testing"

	"ragtime/shared/fault"
)

// Cutting a text waits on nothing, and still ends with the operation.
func TestEmbedMindsTheDeadlineWhileItCuts(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fault.New(fault.Timeout, "spent"))
	_, err := splitText(ctx, strings.Repeat("word ", 1000))
	if f := fault.From(err); f == nil || f.Kind != fault.Timeout {
		t.Errorf("cut ended with %v, want the deadline", err)
	}
}
