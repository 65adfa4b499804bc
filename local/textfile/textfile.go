package textfile

import (
	"path"
	"slices"
	"strings"
)

// Endings are the name endings of the files that are put, in lower case.
var Endings = []string{".md", ".markdown", ".txt"}

// Is reports whether a file of that name is put.
func Is(name string) bool { return slices.Contains(Endings, strings.ToLower(path.Ext(name))) }

// Title returns a text's first Markdown heading outside of code. Without one it returns name, the file's.
func Title(text, name string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	fence := ""  // that of the code block that line is in
	before := "" // the line before
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		for _, f := range []string{"```", "~~~"} {
			if !strings.HasPrefix(trimmed, f) {
				continue
			}
			switch fence {
			case "":
				fence = f
				trimmed = ""
			case f:
				fence = ""
				trimmed = ""
			}
		}
		switch h, atx := strings.CutPrefix(line, "# "); {
		case fence != "":
		case atx && strings.TrimSpace(h) != "":
			return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(h), "#"))
		case before != "" && trimmed != "" && strings.Trim(trimmed, "=") == "":
			return before // this line underlines it: a setext heading
		}
		before = trimmed
	}
	return name
}
