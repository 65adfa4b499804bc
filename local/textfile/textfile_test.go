package textfile_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"ragtime/local/textfile"
	"ragtime/shared/rag"
)

// Different paths have different ids, whatever is in their names. A path can be read
// from its id unless it is too long.
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
		if got := textfile.ID(path); got != want {
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
		id := textfile.ID(path)
		if err := rag.ValidID("id", id); err != nil {
			t.Errorf("%q: %v", path, err)
		}
		if other, taken := seen[id]; taken && other != path {
			t.Errorf("%q and %q are both %s", other, path, id)
		}
		seen[id] = path
		if back, ok := textfile.PathOf(id); ok && back != path {
			t.Errorf("%q is %s, which reads as %q", path, id, back)
		} else if !ok && len(id) < 128-3 {
			t.Errorf("%q cannot be read from %s", path, id)
		}
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
		if got := textfile.Title(text, "file.md"); got != want {
			t.Errorf("%q: got title %q, want %q", text, got, want)
		}
	}
}
