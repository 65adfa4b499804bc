package fault

import (
	"fmt"
	"runtime/debug"
)

// Panic is a recovered panic, with the stack of its goroutine. It is an error; it may also be
// the value of a panic in another goroutine.
type Panic struct {
	Value any
	Stack string
}

// NewPanic makes a Panic of the value that recover returned. Call it where recover
// was called, since it takes the stack there. A value that is a *Panic already is
// returned as it is.
func NewPanic(v any) *Panic {
	if p, ok := v.(*Panic); ok {
		return p
	}
	return &Panic{v, string(debug.Stack())}
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }
