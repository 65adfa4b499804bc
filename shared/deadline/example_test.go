package deadline_test

import (
	"context"
	"fmt"
	"time"

	"ragtime/shared/deadline"
	"ragtime/shared/fault"
)

// The budget is the invocation's time left less Reserve, at most Cap, or what the client
// wishes. A step keeps time for later ones.
func ExampleBegin() {
	invocation, cancel := context.WithTimeout(context.Background(), 28*time.Second)
	defer cancel()
	for _, wish := range []time.Duration{0, 10 * time.Second} {
		operation, cancel, budget, err := deadline.Begin(invocation, wish)
		if err != nil {
			fmt.Println(err)
			return
		}
		step, cancelStep, err := deadline.Step(operation, fault.StepEmbed, 6*time.Second)
		end, _ := step.Deadline()
		fmt.Println(budget, time.Until(end).Round(time.Second), err)
		cancelStep()
		cancel()
	}
	// Output:
	// 25s 19s <nil>
	// 10s 5s <nil>
}
