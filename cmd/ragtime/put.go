package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
	ID         string            `help:"Id of the document that the standard input becomes."`
	Collection string            `help:"Collection to put the documents in."`
	Metadata   map[string]string `help:"Metadata of every document: key=value for a string, key:=2026 or key:=true for a number or a boolean."`
	Parallel   int               `short:"p" help:"Documents under way at once." default:"4"`
	DryRun     bool              `help:"Only say what would be put."`
	Prune      bool              `help:"Delete documents of the folders named whose files are gone."`
	FailFast   bool              `help:"End at the first failure."`
}

// errInterrupted is what a command ends with after Ctrl-C: exit status 130, as of
// any program that a signal ends.
var errInterrupted = errors.New("interrupted")

// downAfter is how many documents in a row must fail for reasons of the service's
// until a put ends: each would take up to its whole time.
const downAfter = 4

func (c *put) Run(ctx context.Context) error {
	if len(c.Paths) == 1 && c.Paths[0] == "-" {
		return c.stdin(ctx)
	}
	all, err := collect(c.Paths, c.Root)
	if err != nil {
		return err
	}
	if c.DryRun {
		for _, f := range all.files {
			fmt.Printf("%s  %s\n", f.id, plain(f.path))
		}
		fmt.Printf("%d would be put, %s\n", len(all.files), summary(all.skipped))
		return nil
	}
	if len(all.files) == 0 && !c.Prune {
		return fmt.Errorf("no .md, .markdown or .txt file there; %s", summary(all.skipped))
	}
	counts, err := c.all(ctx, all.files)
	pruned := 0
	if err == nil && c.Prune && counts.failed.Load() == 0 {
		pruned, err = c.prune(ctx, all)
	}
	line := fmt.Sprintf("%d put, %d unchanged, %s, %d failed", counts.put.Load(), counts.unchanged.Load(), summary(all.skipped), counts.failed.Load())
	if c.Prune {
		line += fmt.Sprintf(", %d deleted", pruned)
	}
	if left := int64(len(all.files)) - counts.put.Load() - counts.unchanged.Load() - counts.failed.Load(); left > 0 {
		line += fmt.Sprintf(", %d not tried", left)
	}
	fmt.Printf("%s: %d chunks, %d of them embedded anew\n", line, counts.chunks.Load(), counts.embedded.Load())
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	case counts.failed.Load() > 0:
		return fmt.Errorf("%d of %d documents failed", counts.failed.Load(), len(all.files))
	}
	return nil
}

type counts struct{ put, unchanged, failed, chunks, embedded, down atomic.Int64 }

// all puts the files, a few at once.
func (c *put) all(ctx context.Context, files []file) (*counts, error) {
	n := new(counts)
	progress := newProgress(os.Stderr, len(files))
	defer progress.close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var g errgroup.Group
	g.SetLimit(max(1, c.Parallel))
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			done, err := c.one(ctx, f)
			if err != nil && ctx.Err() != nil {
				return nil // cut short, not failed
			}
			n.add(done, err)
			progress.done(f.id, done, err)
			switch {
			case err != nil && c.FailFast:
				stop(fmt.Errorf("%s: %w", plain(f.path), err))
			case n.down.Load() >= downAfter:
				stop(fmt.Errorf("%d documents in a row failed with the service: the rest is not tried", downAfter))
			}
			return nil
		})
	}
	g.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return n, cause
	}
	return n, nil
}

func (n *counts) add(done putResult, err error) {
	switch {
	case err != nil:
		n.failed.Add(1)
		if p, ok := errors.AsType[*apiError](err); !ok || p.status >= 500 || p.status == http.StatusTooManyRequests {
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

// one puts a file. A document that came from elsewhere is replaced, and that is said.
func (c *put) one(ctx context.Context, f file) (putResult, error) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return putResult{}, err
	}
	labelled := metadata.Map{"source": metadata.String(short(f.source))}
	more, err := labels(c.Metadata)
	if err != nil {
		return putResult{}, err
	}
	maps.Copy(labelled, more)
	var before struct {
		Metadata metadata.Map `json:"metadata"`
	}
	err = c.call(ctx, http.MethodGet, "/documents/"+url.PathEscape(f.id), nil, &before)
	if p, ok := errors.AsType[*apiError](err); err != nil && (!ok || p.status != http.StatusNotFound) {
		return putResult{}, err
	}
	done, err := c.put(ctx, f.id, document{Text: string(text), Title: textfile.Title(string(text), filepath.Base(f.path)),
		Collection: c.Collection, Metadata: labelled})
	if from := before.Metadata["source"].Text(); err == nil && from != "" && from != labelled["source"].Text() {
		done.Replaced = from
	}
	return done, err
}

// mostSource is what metadata may have, in characters.
const mostSource = 512

func short(source string) string {
	runes := []rune(source)
	return string(runes[max(0, len(runes)-mostSource):])
}

// prune deletes the documents that came from the folders and whose files are gone.
func (c *put) prune(ctx context.Context, all found) (deleted int, err error) {
	there := map[string]bool{}
	for _, f := range all.files {
		there[f.id] = true
	}
	err = c.each(ctx, func(d listed) error {
		source := d.Metadata["source"].Text()
		for _, folder := range all.folders {
			if strings.HasPrefix(source, folder) && !there[d.DocumentID] {
				deleted++
				fmt.Fprintf(os.Stderr, "%s: deleted, %s is gone\n", d.DocumentID, plain(source))
				return c.call(ctx, http.MethodDelete, "/documents/"+url.PathEscape(d.DocumentID), nil, nil)
			}
		}
		return nil
	})
	return deleted, err
}

// stdin puts the standard input as one document.
func (c *put) stdin(ctx context.Context) error {
	if c.ID == "" {
		return errors.New("the standard input has no name: give the document an id with --id")
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 16<<20))
	if err != nil {
		return err
	}
	labelled, err := labels(c.Metadata)
	if err != nil {
		return err
	}
	done, err := c.put(ctx, c.ID, document{Text: string(text), Title: textfile.Title(string(text), c.ID), Collection: c.Collection, Metadata: labelled})
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d chunks, %d of them embedded anew\n", c.ID, done.Chunks, done.Embedded)
	return nil
}
