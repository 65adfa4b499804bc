package lambda

import (
	"sync/atomic"
	"time"
)

// environment is one process, its Runtime API, and the goroutine (run) that takes it through
// init, then through invocations and freezes in turn.
type environment struct {
	service   *Service
	pool      *pool
	function  Function
	logStream string

	jobs chan *job     // buffers as many as the process may have at once
	kill chan struct{} // asks run to end the process
	gone chan struct{} // closed when run has returned

	state  string // guarded by Service.mu, as are pid and active
	pid    int
	active int // invocations that were dispatched to it and have not ended

	requestID atomic.Value // string: of the invocation whose log the process is writing

	// The rest belongs to run.
	api     *runtimeAPI
	process *process
	waiting *nextCall     // the process's open request for an invocation
	last    *invocation   // the latest one
	init    time.Duration // how long init took; 0 after the first invocation has reported it
}

func newEnvironment(s *Service, p *pool) *environment {
	e := &environment{
		service:   s,
		pool:      p,
		function:  p.function,
		logStream: time.Now().UTC().Format("2006/01/02") + "/[" + version + "]" + randomHex(16),
		jobs:      make(chan *job, p.function.PerProcess),
		kill:      make(chan struct{}),
		gone:      make(chan struct{}),
		state:     stateStarting,
	}
	e.requestID.Store("")
	return e
}

// run takes the environment from its first job to its end.
func (e *environment) run() {
	defer close(e.gone)
	j := <-e.jobs
	if err := e.initialize(j); err != nil {
		e.retire()
		e.fail(j, err)
		return
	}
	if e.function.PerProcess > 1 {
		e.serveConcurrently(j)
		return
	}
	for j != nil {
		end, alive := e.serve(j)
		// The state changes before the result is out, so that whoever gets the result finds the environment free or gone.
		if alive {
			e.service.release(e)
		} else {
			e.retire()
		}
		j.deliver(end)
		if !alive {
			return
		}
		j = e.idle()
	}
	e.retire()
}

// fail delivers the error of a job that the process never got.
func (e *environment) fail(j *job, err error) {
	result := Result{RequestID: j.requestID, TraceID: j.traceID, LogStream: e.logStream}
	j.deliver(completion{result, err})
}

// deliver hands the end of a job to its invoker. Only the first call has an effect.
func (j *job) deliver(end completion) {
	if j.pipe != nil {
		j.pipe.finish(end.err)
	}
	select {
	case j.done <- end:
	default:
	}
}

// idle waits, frozen, for the next job. It returns nil when there will be none.
func (e *environment) idle() *job {
	timeout := time.NewTimer(e.service.options.IdleTimeout)
	defer timeout.Stop()
	select {
	case j := <-e.jobs:
		return j
	case <-timeout.C:
	case <-e.process.exited:
	case <-e.kill:
		e.process.kill()
	case <-e.service.closing:
	}
	if e.service.withdraw(e) {
		return nil
	}
	return <-e.jobs // dispatch came first; if the process is gone, serve reports it
}

// retire ends the process and its Runtime API, and makes room for another environment.
func (e *environment) retire() {
	if e.process != nil {
		e.process.kill()
	}
	if e.api != nil {
		e.api.close()
	}
	e.service.remove(e)
}
