// Package systemtest builds and starts the whole system for tests.
package systemtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	race bool

	once    sync.Once
	project string // the folder of go.mod
	folder  string // where they are, each under its name
	err     error
}

var (
	plain programs
	race  = programs{race: true}
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
	command := "go build -race"
	if !p.race {
		if command, p.err = makeCommand(p.project); p.err != nil {
			return
		}
	}
	c := exec.Command("sh", "-c", command+` -o "$0" ./functions/... ./cmd/ragtime`, p.folder+string(filepath.Separator))
	c.Dir = p.project
	if out, err := c.CombinedOutput(); err != nil {
		p.err = fmt.Errorf("build: %w\n%s", err, out)
	}
}

// makeCommand returns what the Makefile builds with. With the same flags no package is
// compiled twice.
func makeCommand(project string) (string, error) {
	text, err := os.ReadFile(filepath.Join(project, "Makefile"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "GOLAMBDA "); ok {
			return strings.TrimSpace(strings.TrimLeft(command, " :=")), nil
		}
	}
	return "", errors.New("the Makefile has no GOLAMBDA")
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
