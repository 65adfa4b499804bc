package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ragtime/local/textfile"
)

// file is a document to be: where its text is, what its id will be, and where it
// is from, as its metadata says.
type file struct {
	path   string
	id     documentID
	source string
}

// found is what paths name.
type found struct {
	files   []file
	skipped map[string]int // by kind, such as ".pdf" or "hidden"
	folders []folder
}

// folder is one that was walked.
type folder struct {
	root   string // that the ids below it are relative to
	source string // its own, with / at its end
}

// has tells whether a document came from below the folder, and lost says that the file
// is not there any more.
func (f folder) has(source string) (has, lost bool) {
	if !strings.HasPrefix(source, f.source) {
		return false, false
	}
	path := source
	if !isTop(f.root) {
		path = filepath.Join(filepath.Dir(f.root), filepath.FromSlash(source))
	}
	_, err := os.Stat(path)
	return true, errors.Is(err, fs.ErrNotExist)
}

// collect finds the files that the paths name: files as they are, folders by
// their text files. Only regular files are read. An id is the path below the root:
// the one given, else that of the git repository that the path is in, else of the
// file system. So a tree has the same ids wherever one stands, and however one names it.
func collect(paths []string, root string) (found, error) {
	out := found{skipped: map[string]int{}}
	seen := map[string]bool{}
	for _, named := range paths {
		start, err := filepath.EvalSymlinks(named)
		if err == nil {
			start, err = filepath.Abs(start)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return out, fmt.Errorf("%s: there is no such file or folder", named)
		case err != nil:
			return out, err
		}
		base, err := rootOf(start, root)
		if err != nil {
			return out, err
		}
		info, err := os.Stat(start)
		if err != nil {
			return out, err
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return out, fmt.Errorf("%s is no regular file", named)
		}
		if info.IsDir() {
			_, source := naming(base, start)
			out.folders = append(out.folders, folder{base, strings.TrimRight(strings.TrimSuffix(source, "/."), "/") + "/"})
		}
		err = filepath.WalkDir(start, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path != start {
				kind, err := skips(path, d)
				if err != nil {
					return err
				}
				if kind != "" {
					out.skipped[kind]++
					if d.IsDir() {
						return filepath.SkipDir
					}
					return nil
				}
			}
			if d.IsDir() || seen[path] {
				return nil
			}
			seen[path] = true
			id, source := naming(base, path)
			out.files = append(out.files, file{path, id, source})
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// skips tells why what a walk meets is not put; "" if it is, or is a folder to walk.
func skips(path string, d fs.DirEntry) (kind string, err error) {
	switch {
	case strings.HasPrefix(d.Name(), "."):
		return "hidden", nil
	case d.IsDir():
		return "", nil
	case !d.Type().IsRegular():
		return "no regular file", nil
	case !textfile.Is(path):
		return cmp.Or(strings.ToLower(filepath.Ext(path)), "no ending"), nil
	}
	info, err := d.Info()
	if err == nil && info.Size() == 0 {
		return "empty", nil
	}
	return "", err
}

// naming is the id of a path below a root, and its source.
func naming(root, path string) (id documentID, source string) {
	below, err := filepath.Rel(root, path)
	if err != nil {
		below = path
	}
	below = filepath.ToSlash(below)
	source = filepath.ToSlash(filepath.Join(filepath.Base(root), below))
	if isTop(root) {
		source = filepath.ToSlash(path)
	}
	return documentID(textfile.ID(below)), strings.ToValidUTF8(source, "?")
}

// isTop tells whether a folder is the file system's root.
func isTop(folder string) bool {
	return folder == filepath.VolumeName(folder)+string(filepath.Separator)
}

// rootOf is the folder that ids are relative to.
func rootOf(path, given string) (string, error) {
	if given != "" {
		root, err := filepath.EvalSymlinks(given)
		if err == nil {
			root, err = filepath.Abs(root)
		}
		if err != nil {
			return "", err
		}
		if below, err := filepath.Rel(root, path); err != nil || below == ".." || strings.HasPrefix(below, ".."+string(filepath.Separator)) {
			return "", wrongUsage("%s is not below the root %s", path, root)
		}
		return root, nil
	}
	dir := path
	for {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dir, nil
		}
		dir = parent
	}
}

// summary tells what was skipped: "3 skipped (2 .pdf, 1 hidden)".
func summary(skipped map[string]int) string {
	var kinds []string
	total := 0
	for kind, n := range skipped {
		total += n
		kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
	}
	if total == 0 {
		return "0 skipped"
	}
	slices.Sort(kinds)
	return fmt.Sprintf("%d skipped (%s)", total, strings.Join(kinds, ", "))
}
