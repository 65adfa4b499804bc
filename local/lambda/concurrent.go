package lambda

import (
	"fmt"
	"time"
)

// concurrentLoop runs an environment that serves several invocations at once.
type concurrentLoop struct {
	*environment
	queue  []*job      // jobs without a call
	calls  []*nextCall // the process's open requests for an invocation
	active int         // invocations that the process has

	ended    chan struct{} // a value for each invocation that ended
	timedOut chan struct{} // a value for each invocation that passed the timeout
}

// serveConcurrently runs first and later jobs beside one another, until the process ends, is idle for long, or is to
// be killed. The process asks for as many at once as it may serve (AWS_LAMBDA_MAX_CONCURRENCY). It is never frozen, as
// on Lambda Managed Instances.
//
// An invocation that passes the timeout ends the process, and with it all other invocations there.
func (e *environment) serveConcurrently(first *job) {
	defer e.retire()
	m := &concurrentLoop{
		environment: e,
		queue:       []*job{first},
		calls:       []*nextCall{e.waiting},
		ended:       make(chan struct{}, e.function.PerProcess),
		timedOut:    make(chan struct{}, e.function.PerProcess),
	}
	m.loop()
	e.service.stopDispatch(e)
	e.process.kill()
	for ; m.active > 0; m.active-- {
		<-m.ended
	}
	for len(e.jobs) > 0 { // nobody adds to it since stopDispatch
		m.queue = append(m.queue, <-e.jobs)
	}
	for _, j := range m.queue {
		e.fail(j, m.exitCause(j))
	}
}

// loop assigns jobs until the environment is to end.
func (m *concurrentLoop) loop() {
	idle := time.NewTimer(m.service.options.IdleTimeout)
	defer idle.Stop()
	for {
		m.assignJobs()
		idle.Reset(m.service.options.IdleTimeout)
		select {
		case j := <-m.jobs:
			m.queue = append(m.queue, j)
		case call := <-m.api.nexts:
			m.calls = append(m.calls, call)
		case <-m.ended:
			m.active--
		case <-idle.C:
			if m.service.stopDispatchIfIdle(m.environment) {
				return
			}
		case <-m.process.exited:
			return
		case <-m.timedOut:
			return
		case <-m.kill:
			return
		case <-m.service.closing:
			return
		}
	}
}

// assignJobs answers the process's calls with jobs, as long as there are both.
func (m *concurrentLoop) assignJobs() {
	for len(m.queue) > 0 && len(m.calls) > 0 {
		j := m.queue[0]
		call := m.calls[0]
		m.calls = m.calls[1:]
		inv, result := m.newInvocation(j, time.Now())
		m.api.register(inv)
		select {
		case call.give <- inv:
			m.queue = m.queue[1:]
			m.active++
			m.logStart(j)
			go m.finish(inv, result)
		case <-call.gone: // the process may ask again
			m.api.unregister(inv)
		}
	}
}

// finish waits for the end of an invocation and delivers its result.
func (m *concurrentLoop) finish(inv *invocation, result Result) {
	began := time.Now()
	timeout := time.NewTimer(m.function.Timeout)
	defer timeout.Stop()
	var got *answer
	var failure error
	select {
	case a := <-inv.answers:
		got = &a
	case <-m.process.exited:
		failure = m.exitCause(inv.job)
		select {
		case a := <-inv.answers: // it answered before it exited
			got = &a
		default:
		}
	case <-timeout.C:
		failure = newError(inv.requestID, "Sandbox.Timedout", fmt.Sprintf(
			"RequestId: %s Error: Task timed out after %.2f seconds", inv.requestID, m.function.Timeout.Seconds()))
		m.timedOut <- struct{}{}
	}
	m.api.unregister(inv)
	result.Duration = time.Since(began)
	m.logEnd(result, got, failure)
	end := completion{result, failure}
	if got != nil {
		end = got.completion(result)
	}
	// endInvocation comes first, so that whoever gets the result finds room.
	m.service.endInvocation(m.environment)
	inv.deliver(end)
	m.ended <- struct{}{}
}

// exitCause returns the error for a job whose process is gone.
func (m *concurrentLoop) exitCause(j *job) error {
	select {
	case <-m.service.closing:
		return ErrClosed
	default:
		return m.exitError(j)
	}
}
