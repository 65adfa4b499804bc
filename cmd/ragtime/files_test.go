package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ragtime/shared/rag"
)

// Paths that differ have ids that differ, whatever is in their names, and those
// that are not too long can be read from their ids.
func TestDocumentIDs(t *testing.T) {
	for path, want := range map[string]string{
		"README.md":       "README.md",
		"docs/design.md":  "docs~design.md",
		"x y.md":          "x~~20y.md",
		"x-y.md":          "x-y.md",
		"a~b.md":          "a~~7Eb.md",
		"docs/~x":         "docs~~~7Ex",
		"北京.md":           "~~E5~~8C~~97~~E4~~BA~~AC.md",
		"notes/Grüße.txt": "notes~Gr~~C3~~BC~~C3~~9Fe.txt",
	} {
		if got := documentID(path); got != want {
			t.Errorf("%s: got id %s, want %s", path, got, want)
		}
	}
	alphabet := []rune("ab.~-_ /%é京\x01😀")
	seen := map[string]string{}
	for range 2000 {
		name := make([]rune, 1+rand.IntN(60))
		for i := range name {
			name[i] = alphabet[rand.IntN(len(alphabet))]
		}
		path := filepath.ToSlash(filepath.Clean("d/" + string(name)))
		if path == "." || strings.HasPrefix(path, "..") { // above where it began: no file's path
			continue
		}
		id := documentID(path)
		if err := rag.ValidID("id", id); err != nil {
			t.Errorf("%q: %v", path, err)
		}
		if other, taken := seen[id]; taken && other != path {
			t.Errorf("%q and %q are both %s", other, path, id)
		}
		seen[id] = path
		if back, ok := pathOf(id); ok && back != path {
			t.Errorf("%q is %s, which reads as %q", path, id, back)
		} else if !ok && len(id) < maxID-3 {
			t.Errorf("%q cannot be read from %s", path, id)
		}
	}
}

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
			out = append(out, f.id)
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

func TestTitle(t *testing.T) {
	for text, want := range map[string]string{
		"# Bees\n\ntext":                    "Bees",
		"\ufeff# Bees #\n":                  "Bees",
		"Bees\n====\n\ntext":                "Bees",
		"```sh\n# a comment\n```\n# Bees\n": "Bees",
		"~~~\n```\n# no\n~~~\n":             "file.md",
		"no heading\n\n====\n":              "file.md",
		"#no space\n":                       "file.md",
	} {
		if got := title(text, "file.md"); got != want {
			t.Errorf("%q: got title %q, want %q", text, got, want)
		}
	}
}
