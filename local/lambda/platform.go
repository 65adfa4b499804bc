package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// version is the only version that a function has here.
const version = "$LATEST"

// platformTime is how Lambda writes times in logs.
const platformTime = "2006-01-02T15:04:05.000Z"

func (e *environment) logFunction(text string) {
	id, _ := e.requestID.Load().(string)
	e.service.log(Line{Function: e.function.Name, LogStream: e.logStream, RequestID: id, Text: text})
}

// logPlatform writes a platform line: text, or with JSON logs an event of the Telemetry API's schema. It writes
// nothing in a format whose argument is empty.
func (e *environment) logPlatform(requestID, text, event string, record map[string]any) {
	if e.function.JSONLogs {
		if event == "" {
			return
		}
		b, _ := json.Marshal(struct {
			Time   string         `json:"time"`
			Type   string         `json:"type"`
			Record map[string]any `json:"record"`
		}{time.Now().UTC().Format(platformTime), "platform." + event, record}) // strings and finite numbers
		text = string(b)
	}
	if text != "" {
		e.service.log(Line{
			Function:  e.function.Name,
			LogStream: e.logStream,
			RequestID: requestID,
			Text:      text,
			Platform:  true,
		})
	}
}

func (e *environment) logInitStart() {
	e.logPlatform("", "INIT_START Runtime Version: local", "initStart", map[string]any{
		"initializationType": "on-demand", "phase": "init",
		"functionName": e.function.Name, "functionVersion": version,
	})
}

// logInitFailed reports an init after which the environment cannot be used. Status is "error" or "timeout".
func (e *environment) logInitFailed(took time.Duration, status string, err *Error) {
	e.logPlatform("", err.Message+" "+err.Type, "", nil)
	e.logPlatform("",
		fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s\tError Type: %s", milliseconds(took), status, err.Type),
		"initReport", map[string]any{
			"initializationType": "on-demand", "phase": "init", "status": status, "errorType": err.Type,
			"metrics": map[string]any{"durationMs": milliseconds(took)},
		})
}

func (e *environment) logStart(j *job) {
	e.logPlatform(j.requestID, "START RequestId: "+j.requestID+" Version: "+version,
		"start", map[string]any{"requestId": j.requestID, "version": version})
}

// logEnd writes the last lines of an invocation. got is the process's answer, nil if there is none. failure is why
// the process is gone, nil if it is not.
func (e *environment) logEnd(r Result, got *answer, failure error) {
	status, kind := outcome(got, failure)
	if crash, ok := errors.AsType[*Error](failure); ok {
		text := crash.Message + "\n" + crash.Type
		if status == "timeout" {
			text = fmt.Sprintf("%s %s Task timed out after %.2f seconds",
				time.Now().UTC().Format(platformTime), r.RequestID, e.function.Timeout.Seconds())
		}
		e.logPlatform(r.RequestID, text, "", nil)
	}

	// Lambda bills whole milliseconds, since August 2025 those of init too.
	billed := math.Ceil(milliseconds(r.Duration) + milliseconds(r.Init))
	metrics := map[string]any{
		"durationMs": milliseconds(r.Duration), "billedDurationMs": billed, "memorySizeMB": e.function.MemoryMB,
	}
	text := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB",
		r.RequestID, milliseconds(r.Duration), billed, e.function.MemoryMB)
	if peak := peakMemoryMB(e.process.pid); peak > 0 && failure == nil {
		metrics["maxMemoryUsedMB"] = peak
		text += fmt.Sprintf("\tMax Memory Used: %d MB", peak)
	}
	if r.Init > 0 {
		metrics["initDurationMs"] = milliseconds(r.Init)
		text += fmt.Sprintf("\tInit Duration: %.2f ms", milliseconds(r.Init))
	}
	record := map[string]any{
		"requestId": r.RequestID, "status": status, "metrics": metrics,
		"tracing": map[string]any{"type": "X-Amzn-Trace-Id", "value": r.TraceID},
	}
	runtimeDone := map[string]any{
		"requestId": r.RequestID, "status": status,
		"metrics": map[string]any{"durationMs": milliseconds(r.Duration)},
	}
	if kind != "" {
		record["errorType"] = kind
		runtimeDone["errorType"] = kind
		text += "\tStatus: " + status + "\tError Type: " + kind
	}
	e.logPlatform(r.RequestID, "END RequestId: "+r.RequestID, "runtimeDone", runtimeDone)
	e.logPlatform(r.RequestID, text, "report", record)
}

// outcome returns the status of an invocation in the Telemetry API's words, and the type of its error. The function
// reported an "error"; its process had a "failure" or "timeout".
func outcome(got *answer, failure error) (status, kind string) {
	if crash, ok := errors.AsType[*Error](failure); ok {
		if crash.Type == "Sandbox.Timedout" {
			return "timeout", crash.Type
		}
		return "failure", crash.Type
	}
	switch {
	case failure != nil: // the service was closed
		return "failure", "Sandbox.Failure"
	case got.fault != nil:
		return "error", got.fault.Type
	}
	return "success", ""
}

// milliseconds returns d in milliseconds, to the microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
