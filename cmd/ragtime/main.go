// Command ragtime runs Ragtime on your machine, and talks to it there or where
// it is deployed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	Up         up         `cmd:"" help:"Start the whole system on this machine; Ctrl-C stops it."`
	Put        put        `cmd:"" help:"Put Markdown and text files into the library."`
	List       list       `cmd:"" help:"List the documents: id, chunks, time, title."`
	Get        get        `cmd:"" help:"Show a document's chunks."`
	Delete     remove     `cmd:"" help:"Take documents away."`
	Retrieve   retrieve   `cmd:"" help:"Find the passages that fit a query."`
	Answer     answer     `cmd:"" help:"Answer a question from the passages that fit it, with its sources."`
	Eval       eval       `cmd:"" help:"Ask questions whose answering documents are known, and tell how many were found."`
	Trace      trace      `cmd:"" help:"Show the waterfall of an operation that ragtime up ran: where its time went."`
	Diagnose   diagnose   `cmd:"" help:"Walk the way to each remote service, phase by phase; exits 1 where one is not open."`
	SamLocal   samLocal   `cmd:"" help:"Serve the API with sam local start-api, in containers, against this machine's stand-ins; Ctrl-C stops both."`
	SamInvoke  samInvoke  `cmd:"" help:"Give a function an event with sam local invoke, against this machine's stand-ins."`
	Version    version    `cmd:"" help:"Show the version."`
	Lab        lab        `cmd:"" help:"Drive the whole system through every fault, and tell how each ended."`
	Completion completion `cmd:"" help:"Print what makes a shell complete commands, flags and document ids."`
}

const description = `Documents go in, passages and cited answers come out: a serverless RAG backend whose every request ends on time.

  ragtime up                             # start here, with sample documents
  ragtime put notes.md handbook/         # put a file, and every .md and .txt below a folder
  ragtime retrieve "who pays for a crown?"
  ragtime answer "who pays for a crown?"
  ragtime list; ragtime get notes.md; ragtime delete notes.md

All talk to http://127.0.0.1:3000 unless --endpoint or RAGTIME_ENDPOINT says otherwise; a deployed API wants --sign.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends at once
	parser, err := kong.New(new(commands), kong.Name("ragtime"), kong.Description(description),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		panic(err) // the commands are wrong, not what was typed
	}
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "help":
			os.Args[1] = "--help"
		case "--version":
			os.Args[1] = "version"
		}
	}
	parsed, err := parser.Parse(os.Args[1:])
	if err != nil {
		end(fmt.Errorf("%w; %s --help lists what there is", err, command(err)), 2)
	}
	err = parsed.Run()
	_, mistyped := errors.AsType[usageError](err)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		end(errors.New("interrupted"), 130) // as of any program that a signal ends
	case mistyped:
		end(err, 2)
	default:
		end(err, 1)
	}
}

// command is what was typed with a mistake, as far as it is a command.
func command(err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok {
		if selected := p.Context.Selected(); selected != nil {
			return "ragtime " + selected.Name
		}
	}
	return "ragtime"
}

// end says in one line what went wrong, and exits.
func end(err error, status int) {
	fmt.Fprintln(os.Stderr, "ragtime:", plain(err.Error()))
	os.Exit(status)
}

type version struct{}

// Run shows what the build knows of itself.
func (version) Run() error {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	_, err := fmt.Printf("ragtime %s, %s\n", revision, runtime.Version())
	return err
}
