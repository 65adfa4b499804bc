package main

import (
	"fmt"
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far a put is: a bar on a terminal, a line a document
// elsewhere. Failures are lines in both. Safe for concurrent use.
type progress struct {
	out  io.Writer
	bars *mpb.Progress // nil where out is no terminal
	bar  *mpb.Bar
}

func newProgress(out *os.File, total int) *progress {
	if !term.IsTerminal(int(out.Fd())) {
		return &progress{out: out}
	}
	bars := mpb.New(mpb.WithOutput(out), mpb.WithWidth(48))
	bar := bars.AddBar(int64(total),
		mpb.PrependDecorators(decor.CountersNoUnit("%d / %d documents")), mpb.AppendDecorators(decor.Percentage()))
	return &progress{out: bars, bars: bars, bar: bar}
}

func (p *progress) done(f file, r putResult, err error) {
	switch {
	case err != nil:
		fmt.Fprintf(p.out, "%s: failed: %s\n", plain(f.path), plain(err.Error()))
	case r.Replaced != "":
		fmt.Fprintf(p.out, "%s: put; it replaces the one from %s\n", f.id, plain(r.Replaced))
	case r.Unchanged && p.bar == nil:
		fmt.Fprintf(p.out, "%s: unchanged\n", f.id)
	case p.bar == nil:
		fmt.Fprintf(p.out, "%s: %s, %d embedded, %d reused\n", f.id, number(int64(r.Chunks), "chunk"), r.Embedded, r.Reused)
	}
	if p.bar != nil {
		p.bar.Increment()
	}
}

func (p *progress) close() {
	if p.bars == nil {
		return
	}
	p.bar.Abort(false) // of a put that was interrupted; a full bar is done already
	p.bars.Wait()
}
