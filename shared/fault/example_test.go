package fault_test

import (
	"context"
	"fmt"

	"ragtime/shared/fault"
)

// Whatever an error is, From tells what its kind, and so its status, is, and what a
// caller may know of it.
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
