// Package systemtest builds what a test of the whole system needs.
package systemtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ragtime/local/system"
)

// Build builds the functions and the command line as `make build` does, into a
// folder with template.yaml beside them. The folder is gone after the test.
func Build(t testing.TB) string {
	t.Helper()
	return build(t, []string{"CGO_ENABLED=0"})
}

// BuildRace does so with the race detector in the functions: what it finds it
// writes to their log, as "DATA RACE". It needs a C compiler.
func BuildRace(t testing.TB) string {
	t.Helper()
	return build(t, nil, "-race")
}

func build(t testing.TB, env []string, flags ...string) string {
	t.Helper()
	mod, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	project := string(mod[:len(mod)-1])
	root := t.TempDir()
	template, err := os.ReadFile(filepath.Join(project, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "template.yaml"), template, 0o644); err != nil {
		t.Fatal(err)
	}
	for target, source := range map[string]string{
		"build/embed/bootstrap":    "./functions/embed",
		"build/retrieve/bootstrap": "./functions/retrieve",
		"build/answer/bootstrap":   "./functions/answer",
		"build/diagnose/bootstrap": "./functions/diagnose",
		"build/ragtime":            "./cmd/ragtime",
	} {
		c := exec.Command("go", append(append([]string{"build"}, flags...), "-o", filepath.Join(root, target), source)...)
		c.Dir, c.Env = project, append(os.Environ(), env...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", source, err, out)
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
