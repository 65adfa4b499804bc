package fault

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic that was caught, with the stack of its goroutine. It goes on
// as an error, or as a panic in another goroutine.
type Panic struct {
	Value any
	Stack string
}

// Caught makes a Panic of what recover gave, in the deferred call that recovered;
// one that was caught before stays as it is.
func Caught(v any) *Panic {
	if p, ok := v.(*Panic); ok {
		return p
	}
	return &Panic{v, string(debug.Stack())}
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }
