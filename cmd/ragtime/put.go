package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"ragtime/local/textfile"
	"ragtime/shared/metadata"
)

type put struct {
	remote
	Paths      []string          `arg:"" name:"file|dir" help:"Files, and folders to walk for .md, .markdown and .txt files; - for the standard input."`
	Root       string            `help:"Folder that document ids are relative to; by default the git repository's, else /." type:"existingdir"`
	ID         documentID        `help:"Id of the document that the standard input becomes."`
	Collection string            `help:"Collection to put the documents in."`
	Metadata   map[string]string `help:"Metadata of every document: key=value for a string, key:=2026 or key:=true for a number or a boolean."`
	Parallel   int               `short:"p" help:"Documents under way at once." default:"4"`
	DryRun     bool              `help:"Only say what would be put."`
	Prune      bool              `help:"Delete documents of the folders named whose files are gone."`
	FailFast   bool              `help:"End at the first failure."`

	labels metadata.Map // what Metadata says
}

func (c *put) Help() string {
	return `A document that is there already is replaced whole: its text, title, collection and metadata.`
}

// downAfter is how many documents in a row must fail for reasons of the service's
// until a put ends: each would take up to its whole time.
const downAfter = 4

func (c *put) Run(ctx context.Context) error {
	var err error
	if c.labels, err = labels(c.Metadata); err != nil {
		return err
	}
	if slices.Contains(c.Paths, "-") {
		return c.stdin(ctx)
	}
	all, err := collect(c.Paths, c.Root)
	if err != nil {
		return err
	}
	if len(all.files) == 0 { // also with --prune: a folder that lost all is a mistake more often than a wish
		return fmt.Errorf("no .md, .markdown or .txt file there; %s", summary(all.skipped))
	}
	if c.DryRun {
		return c.would(ctx, all)
	}
	counts, err := c.all(ctx, all.files)
	pruned := 0
	if err == nil && c.Prune && counts.failed.Load() == 0 {
		err = c.gone(ctx, all, func(d listed) error {
			pruned++
			fmt.Fprintf(os.Stderr, "%s: deleted, %s is gone\n", d.DocumentID, plain(d.source()))
			return c.call(ctx, http.MethodDelete, d.DocumentID.path(), nil, nil)
		})
	}
	line := fmt.Sprintf("%d put, %d unchanged, %s, %d failed", counts.put.Load(), counts.unchanged.Load(), summary(all.skipped), counts.failed.Load())
	if c.Prune {
		line += fmt.Sprintf(", %d deleted", pruned)
	}
	if left := int64(len(all.files)) - counts.put.Load() - counts.unchanged.Load() - counts.failed.Load(); left > 0 {
		line += fmt.Sprintf(", %d not tried", left)
	}
	fmt.Printf("%s: %s, %d of them embedded anew\n", line, number(counts.chunks.Load(), "chunk"), counts.embedded.Load())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case counts.failed.Load() > 0:
		return fmt.Errorf("%d of %s failed", counts.failed.Load(), number(int64(len(all.files)), "document"))
	}
	return nil
}

// would says what a put would do.
func (c *put) would(ctx context.Context, all found) error {
	for _, f := range all.files {
		fmt.Printf("%s  %s\n", f.id, plain(f.path))
	}
	line := fmt.Sprintf("%d would be put, %s", len(all.files), summary(all.skipped))
	if c.Prune {
		gone := 0
		err := c.gone(ctx, all, func(d listed) error {
			gone++
			_, err := fmt.Printf("%s  would be deleted: %s is gone\n", d.DocumentID, plain(d.source()))
			return err
		})
		if err != nil {
			return err
		}
		line += fmt.Sprintf(", %d would be deleted", gone)
	}
	_, err := fmt.Println(line)
	return err
}

// number tells how many there are of what a noun names.
func number(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

type counts struct{ put, unchanged, failed, chunks, embedded, down atomic.Int64 }

// all puts the files, a few at once.
func (c *put) all(ctx context.Context, files []file) (*counts, error) {
	n := new(counts)
	progress := newProgress(os.Stderr, len(files))
	defer progress.close()
	g, ctx := errgroup.WithContext(ctx) // the first error ends the rest
	g.SetLimit(max(1, c.Parallel))
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			done, err := c.one(ctx, f)
			if err != nil && ctx.Err() != nil {
				return ctx.Err() // cut short, not failed
			}
			n.add(done, err)
			progress.done(f, done, err)
			switch {
			case err != nil && c.FailFast:
				return fmt.Errorf("%s: %w", plain(f.path), err)
			case n.down.Load() >= downAfter:
				return fmt.Errorf("%d documents in a row failed with the service: the rest is not tried", downAfter)
			}
			return nil
		})
	}
	return n, g.Wait()
}

func (n *counts) add(done putResult, err error) {
	switch {
	case err != nil:
		n.failed.Add(1)
		if ofService(err) {
			n.down.Add(1)
		}
		return
	case done.Unchanged:
		n.unchanged.Add(1)
	default:
		n.put.Add(1)
	}
	n.down.Store(0)
	n.chunks.Add(int64(done.Chunks))
	n.embedded.Add(int64(done.Embedded))
}

// fileError is what is wrong with a file, whatever the service does.
type fileError struct{ error }

// ofService tells whether a put failed for a reason of the service's.
func ofService(err error) bool {
	if _, ok := errors.AsType[*fileError](err); ok {
		return false
	}
	p, ok := errors.AsType[*apiError](err)
	return !ok || p.status >= 500 || p.status == http.StatusTooManyRequests
}

// one puts a file. A document that came from elsewhere is replaced, and that is said.
func (c *put) one(ctx context.Context, f file) (putResult, error) {
	text, err := read(f.path)
	if err != nil {
		return putResult{}, &fileError{err}
	}
	labelled := metadata.Map{"source": metadata.String(short(f.source))}
	maps.Copy(labelled, c.labels)
	var before struct {
		Metadata metadata.Map `json:"metadata"`
	}
	err = c.call(ctx, http.MethodGet, f.id.path(), nil, &before)
	if p, ok := errors.AsType[*apiError](err); err != nil && (!ok || p.status != http.StatusNotFound) {
		return putResult{}, err
	}
	name := strings.ToValidUTF8(filepath.Base(f.path), "?")
	done, err := c.put(ctx, f.id, document{Text: string(text), Title: textfile.Title(string(text), name),
		Collection: c.Collection, Metadata: labelled})
	if from := before.Metadata["source"].Text(); err == nil && from != "" && from != labelled["source"].Text() {
		done.Replaced = from
	}
	return done, err
}

// mostFile is more bytes than a document's text may have.
const mostFile = 16 << 20

// read reads a text.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostFile))
	if err != nil {
		return nil, err
	}
	return text, textfile.Check(path, text)
}

// mostSource is what metadata may have, in characters.
const mostSource = 512

func short(source string) string {
	runes := []rune(source)
	return string(runes[max(0, len(runes)-mostSource):])
}

// gone calls f for the documents that came from the folders and whose files are gone.
func (c *put) gone(ctx context.Context, all found, f func(listed) error) error {
	there := map[documentID]bool{}
	for _, f := range all.files {
		there[f.id] = true
	}
	return c.each(ctx, func(d listed) error {
		for _, folder := range all.folders {
			if has, lost := folder.has(d.source()); has && lost && !there[d.DocumentID] {
				return f(d)
			}
		}
		return nil
	})
}

// stdin puts the standard input as one document.
func (c *put) stdin(ctx context.Context) error {
	switch {
	case len(c.Paths) > 1:
		return wrongUsage("- is the standard input, and is put alone")
	case c.ID == "":
		return wrongUsage("the standard input has no name: give the document an id with --id")
	}
	text, err := readInput(ctx, os.Stdin)
	if err == nil {
		err = textfile.Check("", text)
	}
	if err != nil {
		return fmt.Errorf("the standard input: %w", err)
	}
	done, err := c.put(ctx, c.ID, document{Text: string(text), Title: textfile.Title(string(text), string(c.ID)), Collection: c.Collection, Metadata: c.labels})
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s, %d of them embedded anew\n", c.ID, number(int64(done.Chunks), "chunk"), done.Embedded)
	return nil
}

// readInput reads what may never end, until the context does.
func readInput(ctx context.Context, from io.Reader) ([]byte, error) {
	var text []byte
	done := make(chan error, 1)
	go func() {
		var err error
		text, err = io.ReadAll(io.LimitReader(from, mostFile))
		done <- err
	}()
	select {
	case err := <-done:
		return text, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
