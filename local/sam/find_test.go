package sam_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ragtime/local/sam"
)

// The error for a missing tool is one line, and says what to do.
func TestMissing(t *testing.T) {
	program := func(names ...string) string {
		dir := t.TempDir()
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	for _, tt := range []struct{ name, path, want string }{
		{"no sam", program("docker"), "install aws-sam-cli"},
		{"no Docker", program("sam"), "install Docker"},
		{"Docker does not run", program("sam", "docker"), "start it, for example with systemctl start docker (Cannot connect to the daemon)"},
	} {
		t.Setenv("PATH", tt.path)
		_, err := sam.Find(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q", tt.name, err, tt.want)
		}
	}
}
