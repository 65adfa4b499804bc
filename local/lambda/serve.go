package lambda

import (
	"fmt"
	"time"
)

// settleDelay is how long an answered invocation waits for its process to ask for the next one before its result
// is handed out. Lambda hands it out at once; but then a caller that invokes again right away would find the
// environment still busy, and start a second process or be throttled. A process that works on after its
// answer costs its caller this much.
const settleDelay = 100 * time.Millisecond

// serve runs one invocation: thaws the process, hands it the job, and waits for its answer and then for its
// request for the next one, with which Lambda holds an invocation to be over. alive tells whether the process
// is there for another; it is frozen then, and gone otherwise.
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
	if got != nil { // an answer holds, whatever became of the process after it
		return got.completion(result), failure == nil
	}
	return completion{result, failure}, failure == nil
}

// newInvocation makes an invocation of a job, and the beginning of its result.
func (e *environment) newInvocation(j *job, began time.Time) (*invocation, Result) {
	inv := &invocation{
		job:      j,
		arn:      e.function.arn(e.service.options.Region),
		deadline: began.Add(e.function.Timeout),
		answers:  make(chan answer, 1),
	}
	result := Result{RequestID: j.requestID, TraceID: j.traceID, LogStream: e.logStream, Init: e.init}
	e.init = 0
	return inv, result
}

// completion is what the invoker gets for a.
func (a answer) completion(r Result) completion {
	if a.fault != nil {
		return completion{r, a.fault}
	}
	r.Payload = a.payload
	return completion{r, nil}
}

// await hands inv to the process and returns its answer, nil if it gave none, once the process asks for the
// next invocation. With a failure (an *Error, or ErrClosed) the process is gone. If it works on for long after
// its answer, early is called with that.
func (e *environment) await(inv *invocation, early func(answer)) (got *answer, failure error) {
	timeout := time.NewTimer(e.function.Timeout)
	defer timeout.Stop()
	var settled <-chan time.Time
	hasInvocation := false // the process has inv
	setAnswer := func(a answer) { got, settled = &a, time.After(settleDelay) }

	// An answer is in inv.answers before the process is told that it was accepted, so before it can ask for
	// more or exit. Select picks among ready cases at random: those that come after the answer look for it.
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
			give, hungUp = e.waiting.give, e.waiting.gone
		}
		select {
		case give <- inv:
			e.waiting, hasInvocation = nil, true
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
