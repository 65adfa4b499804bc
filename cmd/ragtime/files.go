package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// file is a document to be: where its text is, and what its id will be.
type file struct{ path, id string }

var textFile = map[string]bool{".md": true, ".markdown": true, ".txt": true}

// collect finds the files that the paths name: files as they are, folders by
// their text files, hidden ones left out. The id is the path below the folder
// (of a file: its name) without its ending. Two files of one id are an error.
func collect(paths []string) ([]file, error) {
	var out []file
	seen := map[string]string{}
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path != root && strings.HasPrefix(d.Name(), ".") {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if d.IsDir() || path != root && !textFile[strings.ToLower(filepath.Ext(path))] {
				return nil
			}
			name := filepath.Base(path)
			if path != root {
				if name, err = filepath.Rel(root, path); err != nil {
					return err
				}
			}
			id := documentID(strings.TrimSuffix(name, filepath.Ext(name)))
			if other, taken := seen[id]; taken {
				return fmt.Errorf("%s and %s would both be document %s", other, path, id)
			}
			seen[id] = path
			out = append(out, file{path, id})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// documentID makes an id of a path: folders are joined by ~, and what an id
// may not have becomes -. A long one keeps its end, which tells files apart.
func documentID(path string) string {
	id := strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == filepath.Separator:
			return '~'
		case r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._~-", r)):
			return r
		}
		return '-'
	}, path)
	return id[max(0, len(id)-128):]
}

// title is a text's first Markdown heading, else the file's name.
func title(text, name string) string {
	for line := range strings.Lines(text) {
		if h, ok := strings.CutPrefix(line, "# "); ok {
			return strings.TrimSpace(h)
		}
	}
	return name
}
