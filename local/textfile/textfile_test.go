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

func TestCheck(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a.md", "# Bees\n\nBM and II* are no pictures: 北京", ""},
		{"a.md", "BM25 is how words are weighed.", ""},
		{"README.md", "<h1 align=center>Bees</h1>", ""},
		{"a.rst", "Bees\n====\n", ""},
		{"a.csv", "hive;2026\n", ""},
		{"a.html", "<!doctype html><p>Bees", "text/html"},
		{"a.xml", `<?xml version="1.0"?><bees/>`, "text/xml"},
		{"a.pdf", "%PDF-1.4\n%\xe2\xe3\xcf\xd3", "application/pdf"},
		{"plain.pdf", "%PDF-1.4\nall of ASCII", "application/pdf"},
		{"renamed.md", "%PDF-1.4\n%\xe2\xe3\xcf\xd3", "application/pdf"},
		{"a.png", "\x89PNG\x0d\x0a\x1a\x0a\x00", "image/png"},
		{"a.docx", "PK\x03\x04\x00", "application/zip"},
		{"windows.txt", "\xff\xfeB\x00e\x00", "UTF-16"},
		{"latin.txt", "na\xefve", "byte 2"},
		{"nul.txt", "ab\x00", "byte 2"},
		{"mark.txt", "\ufeffBees", ""},
	} {
		err := textfile.Check(test.name, []byte(test.text))
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: got %v, want %q", test.name, test.text, err, test.want)
		}
	}
}
