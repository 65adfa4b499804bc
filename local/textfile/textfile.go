package textfile

import (
	"path"
	"slices"
	"strings"
)

// Endings are those of the files that are put, in lower case.
var Endings = []string{".md", ".markdown", ".txt"}

// Is tells whether a file of that name is put.
func Is(name string) bool { return slices.Contains(Endings, strings.ToLower(path.Ext(name))) }

// Title is a text's first Markdown heading outside of code, else the file's name.
func Title(text, name string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	fenced, before := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		for _, fence := range []string{"```", "~~~"} {
			if strings.HasPrefix(trimmed, fence) && (fenced == "" || fenced == fence) {
				if fenced == "" {
					fenced = fence
				} else {
					fenced = ""
				}
				trimmed = ""
			}
		}
		switch h, atx := strings.CutPrefix(line, "# "); {
		case fenced != "":
		case atx && strings.TrimSpace(h) != "":
			return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(h), "#"))
		case before != "" && trimmed != "" && strings.Trim(trimmed, "=") == "":
			return before // underlined: a setext heading
		}
		before = trimmed
	}
	return name
}
