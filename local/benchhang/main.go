// Command benchhang measures what clients of the embeddings API do when the
// network hangs, and prints it as a Markdown table:
//
//   - openai-go as its README shows it, within a context of deadline D;
//   - the same with WithRequestTimeout(D/3) and 2 retries;
//   - failsafe-go around it: retry, timeout and hedge around the whole call;
//   - Ragtime: its embedder over its transport, in an operation of budget D.
//
// A cell of the table is one client under one fault. Each cell has a process of its
// own, which runs only the client; the network that fails (see local/network) runs in
// this process. Every client gets the network's DNS server and CA through its process
// and nothing else, so openai-go uses net/http's default transport with its own limits.
//
// "make bench-hang" runs it. It needs neither a key nor the internet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// workerArgument makes a process of this program the worker of a cell.
const workerArgument = "in-a-process-of-its-own"

func main() {
	if len(os.Args) == 2 && os.Args[1] == workerArgument {
		exit(work(os.Stdin, os.Stdout))
	}
	b := bench{progress: os.Stderr}
	flag.DurationVar(&b.deadline, "deadline", 5*time.Second, "`D`, the time that a call has: 1s to 15s")
	flag.IntVar(&b.atOnce, "cells", 4, "how many `cells` run at once; those under load run alone")
	flag.IntVar(&b.calls, "calls", 400, "how many `calls` a cell under load makes")
	flag.Parse()
	if err := b.validate(flag.NArg()); err != nil {
		fmt.Fprintln(os.Stderr, "benchhang:", err)
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cells, err := b.run(ctx, rows, clients)
	if err == nil {
		_, err = fmt.Print(table(b.deadline, rows, clients, cells))
	}
	exit(err)
}

// validate checks the flags. D must be less than the row's Retry-After of 20 s.
// arguments is the number of arguments beside the flags.
func (b bench) validate(arguments int) error {
	switch {
	case arguments > 0:
		return errors.New("there are flags only")
	case b.deadline < time.Second || b.deadline > 15*time.Second:
		return errors.New("deadline must be from 1s to 15s")
	case b.atOnce < 1 || b.calls < 1:
		return errors.New("cells and calls must be positive")
	}
	return nil
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchhang:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
