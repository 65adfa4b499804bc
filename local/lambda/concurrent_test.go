package lambda

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// One process serves as many invocations at once as it may, and no more.
func TestManyInOneProcess(t *testing.T) {
	const atOnce = 8
	s := start(t, Function{Concurrency: 1, PerProcess: atOnce}, Options{})
	g := newGate(t)
	var pending []<-chan completion
	var inside []interface{ Close() error }
	for range atOnce {
		pending = append(pending, invokeAsync(t.Context(), s, g.event()))
		inside = append(inside, g.waitForHold())
	}
	if _, err := invoke(t, s, event{Do: "pid"}); !errors.Is(err, ErrThrottled) {
		t.Errorf("invocation %d: error %v, want %v", atOnce+1, err, ErrThrottled)
	}
	processes := map[string]bool{}
	for i := range pending {
		inside[i].Close()
		end := <-pending[i]
		if end.err != nil {
			t.Fatal(end.err)
		}
		processes[string(end.result.Payload)] = true
	}
	if len(processes) != 1 {
		t.Errorf("%d processes served, want one", len(processes))
	}
	if r, err := invoke(t, s, event{Do: "echo", Text: "again"}); err != nil || string(r.Payload) != `"again"` || r.Init != 0 {
		t.Errorf("then got %s, init %v, %v", r.Payload, r.Init, err)
	}
}

// Each invocation gets its own answer, in whatever order they come.
func TestManyAnswers(t *testing.T) {
	s := start(t, Function{Concurrency: 2, PerProcess: 16}, Options{})
	var all sync.WaitGroup
	for i := range 32 {
		text := strings.Repeat("x", i+1)
		all.Go(func() {
			for range 8 {
				if r, err := invoke(t, s, event{Do: "echo", Text: text}); err != nil || string(r.Payload) != `"`+text+`"` {
					t.Errorf("asked with %q: got %s, %v", text, r.Payload, err)
				}
			}
		})
	}
	all.Wait()
}

// What ends the process ends all that it serves, and the next call has a new one.
func TestManyEnd(t *testing.T) {
	tests := []struct {
		name string
		end  func(t *testing.T, s *Service)
		kind string
	}{
		{"exit", func(t *testing.T, s *Service) { invoke(t, s, event{Do: "exit", N: 1}) }, "Runtime.ExitError"},
		{"panic", func(t *testing.T, s *Service) { invoke(t, s, event{Do: "panic"}) }, ""},
		{"kill", func(t *testing.T, s *Service) { s.Environments("f")[0].Kill() }, "Runtime.ExitError"},
		{"timeout", func(t *testing.T, s *Service) {}, "Sandbox.Timedout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			limit := time.Minute
			if tt.kind == "Sandbox.Timedout" {
				limit = time.Second
			}
			s := start(t, Function{Concurrency: 1, PerProcess: 4, Timeout: limit}, Options{})
			g := newGate(t)
			held := invokeAsync(t.Context(), s, g.event())
			inside := g.waitForHold()
			tt.end(t, s)
			if tt.kind == "" { // aws-lambda-go lets what is under way end first
				inside.Close()
			}
			end := <-held
			fault, _ := errors.AsType[*Error](end.err)
			if tt.kind == "" && end.err != nil || tt.kind != "" && (fault == nil || fault.Type != tt.kind) {
				t.Errorf("the one beside it ended with %v, want %q", end.err, tt.kind)
			}
			for { // until the process is gone: a call may still meet it
				if r, err := invoke(t, s, event{Do: "echo", Text: "x"}); err == nil && string(r.Payload) == `"x"` && r.Init > 0 {
					break
				}
			}
		})
	}
}

func TestManyClose(t *testing.T) {
	s := start(t, Function{Concurrency: 1, PerProcess: 4}, Options{})
	g := newGate(t)
	first, second := invokeAsync(t.Context(), s, g.event()), invokeAsync(t.Context(), s, g.event())
	g.waitForHold()
	g.waitForHold()
	s.Close()
	for _, held := range []<-chan completion{first, second} {
		if end := <-held; !errors.Is(end.err, ErrClosed) {
			t.Errorf("got %v, want %v", end.err, ErrClosed)
		}
	}
}

func TestManyIdle(t *testing.T) {
	s := start(t, Function{Concurrency: 1, PerProcess: 4}, Options{IdleTimeout: 50 * time.Millisecond})
	if _, err := invoke(t, s, event{Do: "pid"}); err != nil {
		t.Fatal(err)
	}
	for len(s.Environments("f")) > 0 {
		time.Sleep(time.Millisecond)
	}
}
