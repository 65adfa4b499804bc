package lambda

import (
	"fmt"
	"time"
)

// initialize starts the process and waits until it asks for an invocation.
func (e *environment) initialize(j *job) error {
	began := time.Now()
	limit := e.service.options.InitTimeout
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	e.logInitStart()
	failed := func(status string, err *Error) error {
		e.logInitFailed(time.Since(began), status, err)
		return err
	}
	if err := e.start(); err != nil {
		return failed("error", newError(j.requestID, "Runtime.InvalidEntrypoint",
			fmt.Sprintf("RequestId: %s Error: starting %s: %v", j.requestID, e.function.Binary, err)))
	}
	for {
		select {
		case e.waiting = <-e.api.nexts:
			e.init = time.Since(began)
			e.setBusy()
			return nil
		case reported := <-e.api.initErrors:
			e.process.kill()
			return failed("error", reportedError(j.requestID, reported.kind, reported.body))
		case <-e.process.exited:
			select {
			case reported := <-e.api.initErrors: // says more than the exit
				return failed("error", reportedError(j.requestID, reported.kind, reported.body))
			default:
				return failed("error", e.exitError(j))
			}
		case <-timeout.C:
			e.process.kill()
			return failed("timeout", newError(j.requestID, "Sandbox.Timedout",
				fmt.Sprintf("RequestId: %s Error: Init timed out after %.2f seconds", j.requestID, limit.Seconds())))
		case <-e.kill:
			e.process.kill()
		case <-e.service.closing:
			return ErrClosed
		}
	}
}

func (e *environment) start() (err error) {
	if e.api, err = newRuntimeAPI(); err != nil {
		return err
	}
	env := e.function.variables(e.service.options, e.api.address, e.logStream)
	if e.process, err = e.service.starter.start(e.function.Binary, env, e.logFunction); err != nil {
		return err
	}
	e.service.mu.Lock()
	defer e.service.mu.Unlock()
	e.pid = e.process.pid
	return nil
}

func (e *environment) setBusy() {
	e.service.mu.Lock()
	defer e.service.mu.Unlock()
	e.state = stateBusy
}

func (e *environment) exitError(j *job) *Error {
	return newError(j.requestID, "Runtime.ExitError", "RequestId: "+j.requestID+" Error: "+e.process.reason)
}
