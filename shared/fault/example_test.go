package fault_test

import (
	"context"
	"fmt"

	"ragtime/shared/fault"
)

// From returns the fault of any error: its kind, which has a status, and the detail that a
// caller may see.
func ExampleFrom() {
	for _, err := range []error{
		fault.InvalidField("top_k", "must be from 1 to 100, not %d", 0),
		fmt.Errorf("read the document: %w", context.DeadlineExceeded),
		fmt.Errorf("a detail that no caller should see"),
	} {
		f := fault.From(err)
		fmt.Println(f.Kind.Status(), f.Kind, "-", f.Detail)
	}
	// Output:
	// 400 invalid - top_k must be from 1 to 100, not 0
	// 504 timeout - the deadline passed
	// 500 internal - internal error
}
