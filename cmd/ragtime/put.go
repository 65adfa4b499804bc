package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

type put struct {
	remote
	Paths      []string          `arg:"" name:"file|dir" help:"Files, and folders to walk for .md, .markdown and .txt files." type:"existingpath"`
	Collection string            `help:"Collection to put the documents in."`
	Metadata   map[string]string `help:"Metadata of every document, as key=value."`
	Parallel   int               `short:"p" help:"Documents under way at once." default:"4"`
}

func (c *put) Run(ctx context.Context) error {
	files, err := collect(c.Paths)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("no .md, .markdown or .txt file there")
	}
	progress := newProgress(os.Stderr, len(files))
	var chunks, embedded, failed atomic.Int64
	var g errgroup.Group
	g.SetLimit(max(1, c.Parallel))
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			done, err := c.one(ctx, f)
			if err != nil {
				failed.Add(1)
			}
			chunks.Add(int64(done.Chunks))
			embedded.Add(int64(done.Embedded))
			progress.done(f.id, done, err)
			return nil
		})
	}
	g.Wait()
	progress.close()
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	fmt.Printf("%d documents put: %d chunks, %d of them embedded anew; %d failed\n",
		int64(len(files))-failed.Load(), chunks.Load(), embedded.Load(), failed.Load())
	if failed.Load() > 0 {
		return fmt.Errorf("%d of %d documents failed", failed.Load(), len(files))
	}
	return nil
}

func (c *put) one(ctx context.Context, f file) (putResult, error) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return putResult{}, err
	}
	return c.put(ctx, f.id, document{Text: string(text), Title: title(string(text), filepath.Base(f.path)),
		Collection: c.Collection, Metadata: c.Metadata})
}
