// Package systemtest builds and starts the whole system for tests.
package systemtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ragtime/local/system"
)

// Build returns a folder with template.yaml, the functions and the command line, as
// `make build` leaves them. The test's end removes the folder. The programs are built
// once a process, so TestMain must end with Clean.
func Build(t testing.TB) string {
	t.Helper()
	return newRoot(t, &plain)
}

// BuildRace is Build with the race detector in the programs, which writes "DATA RACE" to
// their log for each race. It needs a C compiler.
func BuildRace(t testing.TB) string {
	t.Helper()
	return newRoot(t, &race)
}

// Clean removes what Build and BuildRace have built, and exits the process.
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
	folder  string // where they are, each under its name
	err     error
}

var (
	plain = programs{env: []string{"CGO_ENABLED=0"}}
	race  = programs{flags: []string{"-race"}}
)

// targets maps programs to their places below the root.
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
	args := slices.Concat(
		[]string{"build"}, p.flags,
		[]string{"-o", p.folder + string(filepath.Separator), "./functions/...", "./cmd/ragtime"})
	c := exec.Command("go", args...)
	c.Dir = p.project
	c.Env = append(os.Environ(), p.env...)
	if out, err := c.CombinedOutput(); err != nil {
		p.err = fmt.Errorf("build: %w\n%s", err, out)
	}
}

// newRoot returns a folder with links to the programs.
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

// Start starts a system. It stops with the test.
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
