// Command ragtime runs Ragtime on your machine, and talks to it there or where
// it is deployed.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Up       up       `cmd:"" help:"Start the whole system on this machine; Ctrl-C stops it."`
	Put      put      `cmd:"" help:"Put Markdown and text files into the library."`
	Retrieve retrieve `cmd:"" help:"Find the passages that fit a query."`
	Eval     eval     `cmd:"" help:"Ask questions whose answering documents are known, and tell how many were found."`
	Trace    trace    `cmd:"" help:"Show the waterfall of an operation that ragtime up ran: where its time went."`
	Diagnose diagnose `cmd:"" help:"Walk the way to each remote service, phase by phase; exits 1 where one is not open."`
	Lab      lab      `cmd:"" help:"Drive the whole system through every fault, and tell how each ended."`
}

const description = `Documents go in, passages come out: a serverless RAG backend whose every request ends on time.

  ragtime up                             # start here, with sample documents
  ragtime put notes.md handbook/         # put a file, and every .md and .txt below a folder
  ragtime retrieve "who pays for a crown?"

put and retrieve talk to http://127.0.0.1:3000 unless --endpoint says otherwise; a deployed API wants --sign.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed := kong.Parse(new(commands), kong.Name("ragtime"), kong.Description(description),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	parsed.FatalIfErrorf(parsed.Run())
}
