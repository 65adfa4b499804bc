package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// invokeAsync starts an invocation in the background.
func invokeAsync(ctx context.Context, s *Service, e event) <-chan completion {
	done := make(chan completion, 1)
	payload, _ := json.Marshal(e)
	go func() {
		r, err := s.Invoke(ctx, "f", Invocation{Payload: payload})
		done <- completion{r, err}
	}()
	return done
}

func states(s *Service) []string {
	var list []string
	for _, e := range s.Environments("f") {
		list = append(list, e.State)
	}
	slices.Sort(list)
	return list
}

func TestConcurrency(t *testing.T) {
	s := start(t, Function{Concurrency: 2}, Options{})
	g := newGate(t)
	first := invokeAsync(t.Context(), s, g.event())
	a := g.waitForHold()
	second := invokeAsync(t.Context(), s, g.event())
	b := g.waitForHold()
	if diff := cmp.Diff([]string{"busy", "busy"}, states(s)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if _, err := invoke(t, s, event{Do: "pid"}); !errors.Is(err, ErrThrottled) {
		t.Errorf("third invocation: error %v, want %v", err, ErrThrottled)
	}

	a.Close()
	endA := <-first
	b.Close()
	endB := <-second
	if endA.err != nil || endB.err != nil {
		t.Fatal(endA.err, endB.err)
	}
	if string(endA.result.Payload) == string(endB.result.Payload) {
		t.Errorf("process %s served two invocations at once", endA.result.Payload)
	}
	if diff := cmp.Diff([]string{"frozen", "frozen"}, states(s)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	r, err := invoke(t, s, event{Do: "pid"})
	if err != nil || string(r.Payload) != string(endB.result.Payload) {
		t.Errorf("then served by %s (%v), want the last used, %s", r.Payload, err, endB.result.Payload)
	}
}

func TestCallerLeaves(t *testing.T) {
	s := start(t, Function{Concurrency: 1}, Options{})
	g := newGate(t)
	pid := mustInvoke[int](t, s, event{Do: "pid"})
	ctx, cancel := context.WithCancel(t.Context())
	done := invokeAsync(ctx, s, g.event())
	conn := g.waitForHold()
	cancel()
	if end := <-done; !errors.Is(end.err, context.Canceled) {
		t.Errorf("error %v, want %v", end.err, context.Canceled)
	}
	if _, err := invoke(t, s, event{Do: "pid"}); !errors.Is(err, ErrThrottled) {
		t.Errorf("while the function runs on: error %v, want %v", err, ErrThrottled)
	}
	conn.Close()
	eventually(t, "the environment is free", func() bool { return slices.Equal(states(s), []string{"frozen"}) })
	if now := mustInvoke[int](t, s, event{Do: "pid"}); now != pid {
		t.Errorf("served by process %d, want %d as before", now, pid)
	}
}

func TestAnswerIsNotHeldBackByWorkAfterIt(t *testing.T) {
	s := start(t, Function{Concurrency: 1}, Options{})
	g := newGate(t)
	answer := mustInvoke[string](t, s, event{Do: "answer, then hold", Text: g.Addr().String()})
	if answer != "answered" {
		t.Errorf("got %q, want %q", answer, "answered")
	}
	if _, err := invoke(t, s, event{Do: "pid"}); !errors.Is(err, ErrThrottled) {
		t.Errorf("while the process works: error %v, want %v", err, ErrThrottled)
	}
	g.waitForHold().Close()
	eventually(t, "the environment is free", func() bool { return slices.Equal(states(s), []string{"frozen"}) })
}

func TestIdleEnvironmentsAreReaped(t *testing.T) {
	s := start(t, Function{}, Options{IdleTimeout: 10 * time.Millisecond})
	for range 3 { // in a later round an invocation and the reaping may coincide
		mustInvoke[int](t, s, event{Do: "pid"})
		eventually(t, "no environment", func() bool { return len(s.Environments("f")) == 0 })
	}
}

func TestKill(t *testing.T) {
	s := start(t, Function{}, Options{})
	pid := mustInvoke[int](t, s, event{Do: "pid"})
	idle := s.Environments("f")
	if len(idle) != 1 || idle[0].PID != pid {
		t.Fatalf("environments %v, want one with PID %d", idle, pid)
	}
	idle[0].Kill()
	if left := s.Environments("f"); len(left) > 0 {
		t.Errorf("environments %v, want none", left)
	}
	idle[0].Kill()

	g := newGate(t)
	done := invokeAsync(t.Context(), s, g.event())
	g.waitForHold()
	s.Environments("f")[0].Kill()
	end := <-done
	failed, ok := errors.AsType[*Error](end.err)
	if !ok || failed.Type != "Runtime.ExitError" || !strings.HasSuffix(failed.Message, "signal: killed") {
		t.Errorf("error %v, want Runtime.ExitError, signal: killed", end.err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s := start(t, Function{}, Options{})
	g := newGate(t)
	busy := invokeAsync(t.Context(), s, g.event())
	conn := g.waitForHold()
	mustInvoke[int](t, s, event{Do: "pid"}) // leaves a frozen one
	s.Close()
	if end := <-busy; !errors.Is(end.err, ErrClosed) {
		t.Errorf("invocation under way: error %v, want %v", end.err, ErrClosed)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the busy process lives on")
	}
	if left := s.Environments("f"); len(left) > 0 {
		t.Errorf("environments %v, want none", left)
	}
	if _, err := invoke(t, s, event{Do: "pid"}); !errors.Is(err, ErrClosed) {
		t.Errorf("invocation after Close: error %v, want %v", err, ErrClosed)
	}
	s.Close()
}

func TestCloseDuringInit(t *testing.T) {
	s := start(t, Function{Env: map[string]string{"TEST_INIT": "hang"}}, Options{})
	done := invokeAsync(t.Context(), s, event{Do: "pid"})
	eventually(t, "a process has started", func() bool {
		list := s.Environments("f")
		return len(list) == 1 && list[0].PID > 0
	})
	s.Close()
	if end := <-done; !errors.Is(end.err, ErrClosed) {
		t.Errorf("error %v, want %v", end.err, ErrClosed)
	}
}

func TestProcessEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DEVELOPER", "leaked")
	s := start(t, Function{MemoryMB: 512, JSONLogs: true, Env: map[string]string{"MY_OWN": "1", "TZ": "Europe/Berlin"}},
		Options{Region: "eu-west-1", XRayDaemon: "127.0.0.1:2000"})
	got := make(map[string]string)
	for _, v := range mustInvoke[[]string](t, s, event{Do: "environment"}) {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	for _, varies := range []string{"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "_X_AMZN_TRACE_ID"} {
		if got[varies] == "" {
			t.Errorf("%s is not set", varies)
		}
		delete(got, varies)
	}
	want := map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
		"AWS_LAMBDA_LOG_STREAM_NAME": s.Environments("f")[0].LogStream,
		"AWS_LAMBDA_LOG_FORMAT":      "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO",
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
		"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local",
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
		"_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1", "_AWS_XRAY_DAEMON_PORT": "2000",
		"_HANDLER": "bootstrap", "LAMBDA_RUNTIME_DIR": "/var/runtime", "LANG": "en_US.UTF-8",
		"PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ":   "Europe/Berlin", "MY_OWN": "1", "TEST_ROLE": "function",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}
