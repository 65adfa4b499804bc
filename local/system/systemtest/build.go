// Package systemtest builds what a test of the whole system needs.
package systemtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ragtime/local/system"
)

// Build gives a folder with template.yaml and the functions and the command line
// beside it, built as `make build` does. The folder is gone after the test. The
// programs are built once a process: its TestMain ends with Clean.
func Build(t testing.TB) string {
	t.Helper()
	return newRoot(t, &plain)
}

// BuildRace does so with the race detector in the functions: what it finds it
// writes to their log, as "DATA RACE". It needs a C compiler.
func BuildRace(t testing.TB) string {
	t.Helper()
	return newRoot(t, &race)
}

// Clean removes what Build and BuildRace have built, and exits.
func Clean(exitCode int) {
	os.RemoveAll(plain.folder)
	os.RemoveAll(race.folder)
	os.Exit(exitCode)
}

// programs are the functions and the command line.
type programs struct {
	env, flags []string

	once    sync.Once
	project string // the folder of go.mod
	folder  string // that they are in, each by its name
	err     error
}

var (
	plain = programs{env: []string{"CGO_ENABLED=0"}}
	race  = programs{flags: []string{"-race"}}
)

// targets are the programs, and where they are wanted.
var targets = map[string]string{
	"embed":    "build/embed/bootstrap",
	"retrieve": "build/retrieve/bootstrap",
	"answer":   "build/answer/bootstrap",
	"diagnose": "build/diagnose/bootstrap",
	"ragtime":  "build/ragtime",
}

func (p *programs) build() {
	mod, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		p.err = err
		return
	}
	p.project = strings.TrimSpace(string(mod))
	if p.folder, p.err = os.MkdirTemp("", "ragtime-test-"); p.err != nil {
		return
	}
	c := exec.Command("go", append(append([]string{"build"}, p.flags...), "-o", p.folder+string(filepath.Separator), "./functions/...", "./cmd/ragtime")...)
	c.Dir, c.Env = p.project, append(os.Environ(), p.env...)
	if out, err := c.CombinedOutput(); err != nil {
		p.err = fmt.Errorf("build: %w\n%s", err, out)
	}
}

func newRoot(t testing.TB, p *programs) string {
	t.Helper()
	if p.once.Do(p.build); p.err != nil {
		t.Fatal(p.err)
	}
	root := t.TempDir()
	template, err := os.ReadFile(filepath.Join(p.project, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "template.yaml"), template, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range targets {
		file := filepath.Join(root, target)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(filepath.Join(p.folder, name), file); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// Start starts the system in memory with what Build built. It stops with the test.
func Start(t testing.TB, o system.Options) *system.System {
	t.Helper()
	s, err := system.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("stop the system: %v", err)
		}
	})
	return s
}
