package lambda

import (
	"fmt"
	"time"
)

// settleDelay is how long serve waits, after an answer, for the process to ask for the next invocation before it
// delivers the result. Lambda delivers at once. Here a caller that invokes again right away would find the environment
// still busy, and start a second process or be throttled. A process that works on after its answer costs its caller
// this delay.
const settleDelay = 100 * time.Millisecond

// serve runs one invocation. It thaws the process, gives it the job, and waits for its answer, then for its request
// for the next invocation: for Lambda, that request ends an invocation. With alive the process is frozen and can serve
// another one; otherwise it is gone.
func (e *environment) serve(j *job) (end completion, alive bool) {
	began := time.Now()
	inv, result := e.newInvocation(j, began)
	e.requestID.Store(j.requestID)
	e.logStart(j)
	if e.last != nil {
		e.api.unregister(e.last)
	}
	e.last = inv
	e.api.register(inv)
	e.process.thaw()
	got, failure := e.await(inv, func(a answer) {
		result := result
		result.Duration = time.Since(began)
		j.deliver(a.completion(result))
	})
	if failure == nil {
		e.process.freeze()
	}
	result.Duration = time.Since(began)
	e.process.flush()
	e.logEnd(result, got, failure)
	e.requestID.Store("")
	if got != nil { // an answer counts even if the process died after it
		return got.completion(result), failure == nil
	}
	return completion{result, failure}, failure == nil
}

// newInvocation makes the invocation of a job, and the part of its result that is known before it runs.
func (e *environment) newInvocation(j *job, began time.Time) (*invocation, Result) {
	inv := &invocation{
		job:      j,
		arn:      e.function.arn(e.service.options.Region),
		deadline: began.Add(e.function.Timeout),
		answers:  make(chan answer, 1),
	}
	result := Result{
		RequestID: j.requestID,
		TraceID:   j.traceID,
		LogStream: e.logStream,
		Init:      e.init,
	}
	e.init = 0
	return inv, result
}

// completion returns what the invoker gets for an answer.
func (a answer) completion(r Result) completion {
	if a.fault != nil {
		return completion{r, a.fault}
	}
	r.Payload = a.payload
	return completion{r, nil}
}

// await gives inv to the process. It returns the process's answer, nil if there is none, once the process asks for the
// next invocation. With a failure (an *Error, or ErrClosed) the process is gone. When the process works on for longer
// than settleDelay after its answer, await calls early with the answer.
func (e *environment) await(inv *invocation, early func(answer)) (got *answer, failure error) {
	timeout := time.NewTimer(e.function.Timeout)
	defer timeout.Stop()
	var settled <-chan time.Time
	hasInvocation := false // the process has inv
	setAnswer := func(a answer) {
		got = &a
		settled = time.After(settleDelay)
	}

	// The process learns that its answer was accepted after the answer is in inv.answers. So an answer is there before
	// the process asks for more or exits. Since select picks among ready cases at random, the cases of those later
	// events have to poll for the answer.
	pollAnswer := func() {
		select {
		case a := <-inv.answers:
			setAnswer(a)
		default:
		}
	}
	for {
		var give chan<- *invocation
		var hungUp <-chan struct{}
		if e.waiting != nil {
			give = e.waiting.give
			hungUp = e.waiting.gone
		}
		select {
		case give <- inv:
			e.waiting = nil
			hasInvocation = true
		case <-hungUp: // it may ask again
			e.waiting = nil
		case a := <-inv.answers:
			setAnswer(a)
		case <-settled:
			early(*got)
		case call := <-e.api.nexts:
			pollAnswer()
			switch {
			case got != nil:
				e.waiting = call
				return got, nil
			case hasInvocation:
				call.refuse()
			default:
				e.waiting = call
			}
		case <-e.process.exited:
			pollAnswer()
			return got, e.exitError(inv.job)
		case <-timeout.C:
			pollAnswer()
			e.process.kill()
			return got, newError(inv.requestID, "Sandbox.Timedout", fmt.Sprintf(
				"RequestId: %s Error: Task timed out after %.2f seconds", inv.requestID, e.function.Timeout.Seconds()))
		case <-e.kill:
			e.process.kill()
		case <-e.service.closing:
			pollAnswer()
			e.process.kill()
			return got, ErrClosed
		}
	}
}
