package lambda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// threadStates returns the states of a process's threads, a letter each, as /proc has them; "" when it is gone.
func threadStates(pid int) string {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	var states strings.Builder
	for _, file := range files {
		b, _ := os.ReadFile(file)
		// The name before the state, in parentheses, may hold anything.
		if _, rest, ok := strings.Cut(string(b), ") "); ok {
			states.WriteByte(rest[0])
		}
	}
	return states.String()
}

// waitStopped waits until every thread of a process is stopped. A signal stops a thread only when it next runs.
func waitStopped(t *testing.T, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d is stopped", pid), func() bool {
		states := threadStates(pid)
		return states != "" && strings.Trim(states, "T") == ""
	})
}

// waitEnded waits until a process is gone, or is a zombie whose parent is not this process.
func waitEnded(t *testing.T, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d has ended", pid), func() bool {
		return strings.Trim(threadStates(pid), "ZX") == ""
	})
}

func TestFrozenBetweenInvocations(t *testing.T) {
	s := start(t, Function{}, Options{})
	file := filepath.Join(t.TempDir(), "ticks")
	ticks := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	mustInvoke[any](t, s, event{Do: "tick", Text: file})
	ticking := s.Environments("f")[0].PID
	waitStopped(t, ticking)

	before := ticks()
	other := start(t, Function{}, Options{})
	mustInvoke[any](t, other, event{Do: "work", N: 50}) // fifty ticks' time
	if after := ticks(); after != before {
		t.Errorf("the background goroutine ticked %d times while frozen", after-before)
	}

	g := newGate(t)
	done := invokeAsync(t.Context(), s, g.event())
	conn := g.waitForHold()
	eventually(t, "the background goroutine ticks again", func() bool { return ticks() > before })
	conn.Close()
	if end := <-done; end.err != nil || string(end.result.Payload) != fmt.Sprint(ticking) {
		t.Errorf("served by %s (%v), want %d", end.result.Payload, end.err, ticking)
	}
	waitStopped(t, ticking)
}

func TestCloseLeavesNoProcess(t *testing.T) {
	s := start(t, Function{}, Options{})
	child := mustInvoke[int](t, s, event{Do: "child"})
	pid := mustInvoke[int](t, s, event{Do: "pid"})
	waitStopped(t, child)
	s.Close()
	if states := threadStates(pid); states != "" {
		t.Errorf("the function's process is in state %s, want it gone", states)
	}
	waitEnded(t, child)
}

func TestNoProcessOutlivesAKilledParent(t *testing.T) {
	g := newGate(t)
	cmd := exec.Command(program(t))
	cmd.Env = append(os.Environ(), "TEST_ROLE=parent", "TEST_GATE="+g.Addr().String())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	g.waitForHold()
	stdin.Write([]byte("."))
	var pids [2]int
	if _, err := fmt.Fscan(stdout, &pids[0], &pids[1]); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	for _, pid := range pids {
		waitEnded(t, pid)
	}
}
