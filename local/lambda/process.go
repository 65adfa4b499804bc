//go:build unix

package lambda

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// process is a running function program and its process group.
type process struct {
	pid     int
	outputs []*output
	exited  chan struct{} // closed when the process is reaped and its last line was emitted
	reason  string        // how it exited, as Lambda words it; valid once exited is closed

	mu     sync.Mutex
	reaped bool // the pid may belong to another process now
}

// starter starts all processes from one thread, which lives until stop. Linux sends a child its parent-death
// signal when the thread that started it ends, not when the process does, and the Go scheduler is free to end
// threads: a process started from any goroutine could be killed at any time.
type starter struct {
	tasks    chan func()
	stopOnce sync.Once
	stopped  chan struct{}
}

func newStarter() *starter {
	s := &starter{tasks: make(chan func()), stopped: make(chan struct{})}
	go func() {
		defer close(s.stopped)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for task := range s.tasks {
			task()
		}
	}()
	return s
}

// stop ends the thread. Nothing that was started may still run.
func (s *starter) stop() {
	s.stopOnce.Do(func() { close(s.tasks) })
	<-s.stopped
}

// start runs binary, in its folder, with env as its whole environment, as the leader of a process group. Each
// line that it writes goes to emit, which must accept concurrent calls.
func (s *starter) start(binary string, env []string, emit func(string)) (*process, error) {
	cmd := exec.Command(binary)
	cmd.Env = env
	cmd.Dir = filepath.Dir(binary)
	cmd.SysProcAttr = attributes()
	stdout, stdoutEnd, err := newOutput(emit)
	if err != nil {
		return nil, err
	}
	defer stdoutEnd.Close()
	stderr, stderrEnd, err := newOutput(emit)
	if err != nil {
		stdout.close()
		return nil, err
	}
	defer stderrEnd.Close()
	cmd.Stdout = stdoutEnd
	cmd.Stderr = stderrEnd

	started := make(chan error)
	s.tasks <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		stdout.close()
		stderr.close()
		return nil, err
	}
	p := &process{pid: cmd.Process.Pid, outputs: []*output{stdout, stderr}, exited: make(chan struct{})}
	go p.wait(cmd)
	return p, nil
}

func (p *process) wait(cmd *exec.Cmd) {
	err := cmd.Wait()
	p.mu.Lock()
	p.reaped = true
	syscall.Kill(-p.pid, syscall.SIGKILL) // its children must not outlive it
	p.mu.Unlock()
	for _, o := range p.outputs {
		o.close()
	}
	p.reason = "Runtime exited without providing a reason" // status 0
	if err != nil {
		p.reason = "Runtime exited with error: " + err.Error()
	}
	close(p.exited)
}

// signal sends sig to the whole group; to nothing once the process has been reaped.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		syscall.Kill(-p.pid, sig)
	}
}

func (p *process) freeze() { p.signal(syscall.SIGSTOP) }
func (p *process) thaw()   { p.signal(syscall.SIGCONT) }

// kill ends the group, frozen or not, and returns when it is gone and its output read.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// flush emits what the process has written so far, an unfinished line included.
func (p *process) flush() {
	for _, o := range p.outputs {
		o.flush()
	}
}
