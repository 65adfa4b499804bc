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
