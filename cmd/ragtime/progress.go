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

func (p *progress) done(id string, r putResult, err error) {
	switch {
	case err != nil:
		fmt.Fprintf(p.out, "%s: failed: %v\n", id, err)
	case r.Replaced != "":
		fmt.Fprintf(p.out, "%s: put; it replaces the one from %s\n", id, plain(r.Replaced))
	case r.Unchanged && p.bar == nil:
		fmt.Fprintf(p.out, "%s: unchanged\n", id)
	case p.bar == nil:
		fmt.Fprintf(p.out, "%s: %d chunks, %d embedded, %d reused\n", id, r.Chunks, r.Embedded, r.Reused)
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
