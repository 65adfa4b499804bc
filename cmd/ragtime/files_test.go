package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The same tree has the same ids, wherever one stands and however it is named.
func TestCollectAlike(t *testing.T) {
	repository := t.TempDir()
	for _, f := range []string{"README.md", "docs/a.md", "docs/deep/b.txt", "docs/x y.md", "docs/x-y.md", "note.md", "note.txt"} {
		path := filepath.Join(repository, f)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(filepath.Join(repository, ".git"), 0o755)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(repository, link); err != nil {
		t.Fatal(err)
	}
	ids := func(paths ...string) []string {
		found, err := collect(paths, "")
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range found.files {
			out = append(out, string(f.id))
		}
		slices.Sort(out)
		return out
	}
	want := []string{"README.md", "docs~a.md", "docs~deep~b.txt", "docs~x-y.md", "docs~x~~20y.md", "note.md", "note.txt"}
	t.Chdir(repository)
	for _, paths := range [][]string{{repository}, {"."}, {"docs/.."}, {link}, {"docs", "README.md", "note.md", "note.txt"}, {".", "docs"}} {
		if got := ids(paths...); !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", paths, got, want)
		}
	}
	t.Chdir(filepath.Join(repository, "docs"))
	if got := ids(".."); !slices.Equal(got, want) {
		t.Errorf("from below: got %v, want %v", got, want)
	}
}

// A standard input that never ends does not keep Ctrl-C from ending a put.
func TestReadInputUntilInterrupted(t *testing.T) {
	endless, writer := io.Pipe()
	defer writer.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, interrupt)
	if _, err := readInput(ctx, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was interrupted", err)
	}
}
