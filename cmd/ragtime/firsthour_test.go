package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ragtime/local/system/systemtest"
)

// What a newcomer does in the first hour, as scripts over the programs that are
// shipped: testdata/firsthour. A person can follow them, too; the commands that are
// neither ragtime's nor testscript's are those below.
func TestFirstHour(t *testing.T) {
	root := systemtest.Build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/firsthour",
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "PROJECT="+root, "TERM=xterm", "PATH="+filepath.Join(root, "build")+":"+os.Getenv("PATH"))
			e.Values[programs{}] = map[string]*program{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": startProgram, "until": until, "serves": serves,
			"interrupt": interrupt, "ended": ended, "file": writeFile, "fifo": makeFIFO,
		},
	})
}

// programs is the key of a script's programs, by the names that it gave them.
type programs struct{}

type program struct {
	*exec.Cmd
	done chan struct{} // closed when it has ended
}

func (p *program) status() int {
	if s, ok := p.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal()) // as a shell has it
	}
	return p.ProcessState.ExitCode()
}

// late is when what a script waits for does not come any more.
const late = time.Minute

// exits STATUS PROGRAM ARGS... runs a program, whose exit status must be STATUS.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits status program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("it exited with %d, want %d", got, want)
	}
}

// start NAME PROGRAM ARGS... starts a program, whose output goes to NAME.out and NAME.err.
func startProgram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start name program args...")
	}
	path, err := exec.LookPath(filepath.Join(ts.Getenv("PROJECT"), "build", args[1]))
	ts.Check(err)
	c := exec.Command(path, args[2:]...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "RAGTIME_ENDPOINT", "RAGTIME_EMBEDDING_DIMENSIONS", "RAGTIME_PROVIDER", "OPENAI_API_KEY", "OPENAI_BASE_URL"} {
		if v := ts.Getenv(name); v != "" {
			c.Env = append(c.Env, name+"="+v)
		}
	}
	c.Stdout, err = os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	c.Stderr, err = os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	_, err = c.StdinPipe() // which never ends
	ts.Check(err)
	ts.Check(c.Start())
	p := &program{c, make(chan struct{})}
	go func() {
		defer close(p.done)
		p.Wait()
	}()
	ts.Defer(func() {
		p.Process.Signal(os.Interrupt)
		select {
		case <-p.done:
		case <-time.After(late):
			p.Process.Kill()
		}
	})
	ts.Value(programs{}).(map[string]*program)[args[0]] = p
}

func started(ts *testscript.TestScript, name string) *program {
	p := ts.Value(programs{}).(map[string]*program)[name]
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

// until FILE PATTERN waits until the file has what the pattern matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until file pattern")
	}
	ts.Logf("[%s]\n%s", args[0], find(ts, args[0], regexp.MustCompile("(?m)"+args[1]))[0])
}

func find(ts *testscript.TestScript, file string, pattern *regexp.Regexp) []string {
	for end := time.Now().Add(late); ; time.Sleep(20 * time.Millisecond) {
		text := ts.ReadFile(file)
		if found := pattern.FindStringSubmatch(text); found != nil {
			return found
		}
		if time.Now().After(end) {
			ts.Fatalf("%s has nothing that matches %s after %v:\n%s", file, pattern, late, text)
		}
	}
}

// serves NAME waits until `ragtime up` of that name is ready. The commands that
// follow talk to it, and PORT is its port.
func serves(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serves name")
	}
	url := find(ts, args[0]+".out", regexp.MustCompile(`(?m)^ready: (http://127\.0\.0\.1:(\d+))$`))
	ts.Setenv("RAGTIME_ENDPOINT", url[1])
	ts.Setenv("PORT", url[2])
}

// interrupt NAME is Ctrl-C.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: interrupt name")
	}
	if err := started(ts, args[0]).Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		ts.Fatalf("%v", err)
	}
}

// ended NAME STATUS waits until the program has ended, with that exit status.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended name status")
	}
	p := started(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(late):
		ts.Fatalf("%s has not ended after %v", args[0], late)
	}
	for _, stream := range []string{".out", ".err"} {
		ts.Logf("[%s]\n%s", args[0]+stream, ts.ReadFile(args[0]+stream))
	}
	if got := fmt.Sprint(p.status()); got != args[1] {
		ts.Fatalf("%s exited with %s, want %s", args[0], got, args[1])
	}
}

// file NAME TEXT writes a file. Both are as within a Go string, so that they can have any bytes.
func writeFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: file name text")
	}
	var bytes [2]string
	for i, a := range args {
		var err error
		bytes[i], err = strconv.Unquote(`"` + strings.ReplaceAll(a, `"`, `\"`) + `"`)
		ts.Check(err)
	}
	name := ts.MkAbs(bytes[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, []byte(bytes[1]), 0o644))
}

// fifo NAME makes a pipe that nobody writes to.
func makeFIFO(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fifo name")
	}
	ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o644))
}
