package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInvokeContext(t *testing.T) {
	s := start(t, Function{Timeout: 28 * time.Second}, Options{Region: "eu-central-1"})
	trace := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	before := time.Now()
	r, err := s.Invoke(t.Context(), "f", Invocation{
		Payload: []byte(`{"do":"context"}`), TraceID: trace, RequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
	})
	after := time.Now()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ID, ARN, Trace, Dir string
		Deadline            int64
	}
	if err := json.Unmarshal(r.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if want := "8476a536-e9f4-11e8-9739-2dfe598c3fcd"; got.ID != want || r.RequestID != want {
		t.Errorf("request ids %q, %q, want %q", got.ID, r.RequestID, want)
	}
	if want := "arn:aws:lambda:eu-central-1:000000000000:function:f"; got.ARN != want {
		t.Errorf("ARN %q, want %q", got.ARN, want)
	}
	if got.Trace != trace || r.TraceID != trace {
		t.Errorf("traces %q, %q, want %q", got.Trace, r.TraceID, trace)
	}
	if want := filepath.Dir(program(t)); got.Dir != want {
		t.Errorf("working directory %q, want %q", got.Dir, want)
	}
	earliest, latest := before.Add(28*time.Second).UnixMilli(), after.Add(28*time.Second).UnixMilli()
	if got.Deadline < earliest || got.Deadline > latest {
		t.Errorf("deadline %d, want %d to %d", got.Deadline, earliest, latest)
	}
	if r.Init <= 0 || r.Duration <= 0 {
		t.Errorf("init %v and duration %v of a cold start, want both over 0", r.Init, r.Duration)
	}
	if r, _ := invoke(t, s, event{Do: "echo"}); r.Init != 0 {
		t.Errorf("init %v of a warm start, want 0", r.Init)
	}
}

func TestFunctionErrors(t *testing.T) {
	tests := []struct {
		name    string
		event   event
		kind    string
		message string // <id> stands for the request id
		payload bool   // the error is the function's own, so the payload may hold more
		dies    bool
	}{
		{
			name:    "returned",
			event:   event{Do: "error", Text: "no luck"},
			kind:    "errorString",
			message: "no luck",
			payload: true,
		},
		{
			name:    "panic",
			event:   event{Do: "panic"},
			kind:    "string",
			message: "at the disco",
			payload: true,
			dies:    true,
		},
		{
			name:    "exit",
			event:   event{Do: "exit", N: 1},
			kind:    "Runtime.ExitError",
			message: "RequestId: <id> Error: Runtime exited with error: exit status 1",
			dies:    true,
		},
		{
			name:    "exit 0",
			event:   event{Do: "exit"},
			kind:    "Runtime.ExitError",
			message: "RequestId: <id> Error: Runtime exited without providing a reason",
			dies:    true,
		},
		{
			name:    "response over 6 MB",
			event:   event{Do: "big", N: maxResponse + 1},
			kind:    "Function.ResponseSizeTooLarge",
			message: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
			dies:    true,
		},
		{
			name:    "response broken off",
			event:   event{Do: "break off"},
			kind:    "errorString",
			message: "the source broke off",
			payload: true,
		},
	}
	s := start(t, Function{}, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pid := mustInvoke[int](t, s, event{Do: "pid"})
			r, err := invoke(t, s, tt.event)
			failed, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error %v, want an *Error", err)
			}
			message := strings.ReplaceAll(tt.message, "<id>", r.RequestID)
			if failed.Type != tt.kind || failed.Message != message || failed.RequestID != r.RequestID {
				t.Errorf("got %+v, want type %q, message %q, request %q", failed, tt.kind, message, r.RequestID)
			}
			var payload map[string]any
			if err := json.Unmarshal(failed.Payload, &payload); err != nil {
				t.Fatalf("payload %s: %v", failed.Payload, err)
			}
			if tt.payload {
				delete(payload, "stackTrace")
			}
			want := map[string]any{"errorType": tt.kind, "errorMessage": message}
			if diff := cmp.Diff(want, payload); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			if now := mustInvoke[int](t, s, event{Do: "pid"}); (now != pid) != tt.dies {
				t.Errorf("served by process %d before and %d after, want another one: %t", pid, now, tt.dies)
			}
		})
	}
}

func TestLargestResponse(t *testing.T) {
	s := start(t, Function{}, Options{})
	r, err := invoke(t, s, event{Do: "big", N: maxResponse})
	if err != nil || len(r.Payload) != maxResponse {
		t.Errorf("got %d bytes and error %v, want %d bytes", len(r.Payload), err, maxResponse)
	}
}

func TestTimeout(t *testing.T) {
	log := new(logRecorder)
	s := start(t, Function{Timeout: 50 * time.Millisecond}, Options{Log: log.add})
	r, err := invoke(t, s, event{Do: "stall"})
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v, want an *Error", err)
	}
	message := "RequestId: " + r.RequestID + " Error: Task timed out after 0.05 seconds"
	if failed.Type != "Sandbox.Timedout" || failed.Message != message {
		t.Errorf("got %s: %q, want Sandbox.Timedout: %q", failed.Type, failed.Message, message)
	}
	if left := s.Environments("f"); len(left) > 0 {
		t.Errorf("environments after the timeout: %v, want none", left)
	}
	last := log.texts()[len(log.texts())-1]
	if !strings.HasPrefix(last, "REPORT RequestId: "+r.RequestID) || !strings.Contains(last, "Status: timeout") {
		t.Errorf("last line %q, want a REPORT with status timeout", last)
	}
}

func TestInitFailures(t *testing.T) {
	tests := []struct {
		name, how     string
		binary        string
		limit         time.Duration
		kind, message string // message is a part
	}{
		{"exit", "exit", "", 0, "Runtime.ExitError", "Runtime exited with error: exit status 3"},
		{"init/error", "error", "", 0, "Config.Missing", "no key"},
		{"hang", "hang", "", 50 * time.Millisecond, "Sandbox.Timedout", "Init timed out after 0.05 seconds"},
		{"no program", "", "/nowhere/bootstrap", 0, "Runtime.InvalidEntrypoint", "/nowhere/bootstrap"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := new(logRecorder)
			s := start(t, Function{Binary: tt.binary, Env: map[string]string{"TEST_INIT": tt.how}, Concurrency: 1},
				Options{InitTimeout: tt.limit, Log: log.add})
			for range 2 { // the place that the first one took is free again
				_, err := invoke(t, s, event{Do: "echo"})
				failed, ok := errors.AsType[*Error](err)
				if !ok || failed.Type != tt.kind || !strings.Contains(failed.Message, tt.message) {
					t.Errorf("error %v, want %s: %s", err, tt.kind, tt.message)
				}
			}
			if !slices.ContainsFunc(log.texts(), func(s string) bool { return strings.HasPrefix(s, "INIT_REPORT") }) {
				t.Errorf("no INIT_REPORT in %q", log.texts())
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, Function{}, Options{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name     string
		ctx      context.Context
		function string
		payload  string
		want     error
	}{
		{"unknown function", t.Context(), "g", "{}", ErrNotFound},
		{"no JSON", t.Context(), "f", "{", ErrInvalid},
		{"over 6 MB", t.Context(), "f", `"` + strings.Repeat("x", maxRequest-1) + `"`, ErrTooLarge},
		{"caller gone", gone, "f", "{}", context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Invoke(tt.ctx, tt.function, Invocation{Payload: []byte(tt.payload)})
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
	if started := s.Environments("f"); len(started) > 0 {
		t.Errorf("environments %v, want none", started)
	}
}

func TestNewReportsAllMistakes(t *testing.T) {
	_, err := New([]Function{
		{Name: "a"},
		{Name: "b", Binary: "x", Env: map[string]string{"AWS_REGION": "r", "TZ": "UTC"}},
		{Name: "c", Binary: "x"},
		{Name: "c", Binary: "x"},
	}, Options{XRayDaemon: "nowhere"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{`"a"`, "AWS_REGION", "c is given twice", "XRayDaemon"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not mention %s", err, part)
		}
	}
	if strings.Contains(err.Error(), "TZ") {
		t.Errorf("error %q refuses TZ, which is not reserved", err)
	}
}

func TestTraceHeader(t *testing.T) {
	const root, parent = "Root=1-5759e988-bd862e3fe1be46a994272793", "Parent=53995c3f42cd8ad8"
	tests := []struct{ given, prefix, suffix string }{
		{"", "Root=1-", ";Sampled=1"},
		{root, root + ";Parent=", ";Sampled=1"},
		{root + ";Sampled=?", root + ";Parent=", ";Sampled=1"},
		{root + ";" + parent + ";Sampled=0", root + ";", parent + ";Sampled=0"},
		{"Self=1-x;" + root, "Self=1-x;" + root, ";Sampled=1"},
	}
	for _, tt := range tests {
		got := traceHeader(tt.given)
		if !strings.HasPrefix(got, tt.prefix) || !strings.HasSuffix(got, tt.suffix) || !strings.Contains(got, ";Parent=") {
			t.Errorf("traceHeader(%q) = %q, want %q, a Parent, %q", tt.given, got, tt.prefix, tt.suffix)
		}
	}
}

// Calls that wait for an environment get it in the order in which they came. One that leaves is passed over.
func TestWaitersAreServedInOrder(t *testing.T) {
	var log logRecorder
	s := start(t, Function{Concurrency: 1, Wait: time.Minute}, Options{Log: log.add})
	waiting := func() (ids []string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, w := range s.pools["f"].waiting {
			ids = append(ids, w.job.requestID)
		}
		return ids
	}
	g := newGate(t)
	calls := []<-chan completion{invokeAsync(t.Context(), s, g.event())}
	held := g.waitForHold()
	leaving, leave := context.WithCancel(t.Context())
	for n := range 20 {
		ctx := t.Context()
		if n == 7 {
			ctx = leaving
		}
		calls = append(calls, invokeAsync(ctx, s, event{Do: "echo"}))
		eventually(t, "the call waits", func() bool { return len(waiting()) == n+1 })
	}
	leave()
	eventually(t, "the call has left", func() bool { return len(waiting()) == 19 })
	want := waiting()
	held.Close()
	for n, call := range calls {
		if end := <-call; (end.err != nil) != (n == 8) {
			t.Errorf("call %d ended with %v", n, end.err)
		}
	}
	var got []string
	for _, text := range log.texts() {
		if id, ok := strings.CutPrefix(text, "START RequestId: "); ok {
			id, _, _ = strings.Cut(id, " ")
			got = append(got, id)
		}
	}
	if diff := cmp.Diff(want, got[1:]); diff != "" {
		t.Errorf("the order of service (-want +got):\n%s", diff)
	}
}
