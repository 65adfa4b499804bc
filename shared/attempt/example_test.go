package attempt_test

import (
	"context"
	"fmt"
	"time"

	"ragtime/shared/attempt"
	"ragtime/shared/evidence"
	"ragtime/shared/fault"
)

// The first attempt fails in a way that another may not; the second one answers.
func ExampleDo() {
	policy := attempt.New(attempt.Options{}) // one for each kind of call, kept as long as the process
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := attempt.Do(ctx, policy, func(ctx context.Context) (string, error) {
		if evidence.Current(ctx).Number() == 1 {
			return "", fault.New(fault.Unavailable, "it is failing")
		}
		return "embedded", nil
	})
	fmt.Println(answer, err)
	// Output: embedded <nil>
}
