package lambda

import (
	"sync/atomic"
	"time"
)

// environment is one process, its Runtime API, and the goroutine (run) that leads it through
// init, then invocation and freeze in turn.
type environment struct {
	service   *Service
	pool      *pool
	function  Function
	logStream string

	jobs chan *job     // has room for all that it may be given at once
	kill chan struct{} // asks run to end the process
	gone chan struct{} // closed when run has returned

	state  string // guarded by Service.mu, as are pid and active
	pid    int
	active int // invocations that it was given and has not ended

	requestID atomic.Value // string: whose log the process is writing

	// The rest belongs to run.
	api     *runtimeAPI
	process *process
	waiting *nextCall     // the process's request for its next invocation
	last    *invocation   // the one that was begun last
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
		state:     "starting",
	}
	e.requestID.Store("")
	return e
}

// run leads the environment from its first job to its end.
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
		// Before the result is out, so that whoever gets it finds the environment free, or gone.
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

// fail tells of a job that the process was never given.
func (e *environment) fail(j *job, err error) {
	j.deliver(completion{Result{RequestID: j.requestID, TraceID: j.traceID, LogStream: e.logStream}, err})
}

func (j *job) deliver(end completion) {
	if j.pipe != nil {
		j.pipe.finish(end.err)
	}
	select {
	case j.done <- end:
	default: // it has been delivered
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
	return <-e.jobs // dispatch was quicker; if the process is gone, serve says so
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
