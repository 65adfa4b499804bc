// Package mutation breaks the project's code on purpose, one edit at a time, to see
// which test notices. It does not change the tree: go test gets the broken file as an
// overlay.
package mutation

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Broken is an edit of the code. Close it.
type Broken struct{ dir string }

// Break replaces old by with in the file called name. It returns an error unless the
// file has old exactly once, since else the code to break has changed. name is
// relative to the working directory, which is the folder of go.mod.
func Break(name, old, with string) (*Broken, error) {
	file, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	code, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(code), old); n != 1 {
		return nil, fmt.Errorf("%s has %q %d times, want once", name, old, n)
	}
	dir, err := os.MkdirTemp("", "mutation-")
	if err != nil {
		return nil, err
	}
	b := &Broken{dir}
	edited := filepath.Join(dir, "edited.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: edited}})
	if err == nil {
		err = os.WriteFile(edited, []byte(strings.Replace(string(code), old, with, 1)), 0o600)
	}
	if err == nil {
		err = os.WriteFile(b.overlay(), overlay, 0o600)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Broken) overlay() string { return filepath.Join(b.dir, "overlay.json") }

// Close removes what Break has written.
func (b *Broken) Close() { os.RemoveAll(b.dir) }

// Test runs go test on the broken code and returns its output. ok is false when the
// tests failed, which means that they noticed, or the code does not build.
func (b *Broken) Test(pkg string, args ...string) (output string, ok bool) {
	command := []string{"test", "-count=1", "-timeout=300s", "-vet=off", "-overlay", b.overlay(), pkg}
	out, err := exec.Command("go", append(command, args...)...).CombinedOutput()
	return string(out), err == nil
}

// Tests are the tests of a package of the broken code, built once to run often.
type Tests struct{ binary, dir string }

// Build builds the tests of a package, which go with the broken code.
func (b *Broken) Build(pkg string) (*Tests, error) {
	binary := filepath.Join(b.dir, "tests")
	c := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary, "-overlay", b.overlay(), pkg)
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("it does not build: %w\n%s", err, out)
	}
	return &Tests{binary, pkg}, nil
}

// Run runs them in the folder of their package, and gives what they printed and
// whether they passed.
func (t *Tests) Run(args ...string) (output string, ok bool) {
	c := exec.Command(t.binary, args...)
	c.Dir = t.dir
	out, err := c.CombinedOutput()
	return string(out), err == nil
}
