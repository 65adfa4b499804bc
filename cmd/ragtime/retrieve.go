package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// narrowing are the flags that say in which documents to look.
type narrowing struct {
	Document   string            `help:"Only passages of this document."`
	Collection string            `help:"Only passages of this collection."`
	Metadata   map[string]string `help:"Only passages of documents with this metadata: key=value, or key:=2026 for a number or a boolean."`
	Filter     string            `help:"Filter in JSON, as POST /retrieve takes it; instead of --document, --collection and --metadata."`
}

type retrieve struct {
	remote
	narrowing
	Query    []string `arg:"" help:"What to look for, in plain words."`
	TopK     int      `short:"k" help:"How many passages, 1 to 100." default:"5"`
	MinScore *float64 `help:"Only passages at least this similar, -1 to 1."`
	Short    bool     `help:"Print only how each passage begins."`
	JSON     bool     `help:"Print the answer as the API gave it."`
}

func (c *retrieve) Run(ctx context.Context) error {
	q := query{Query: strings.Join(c.Query, " "), TopK: c.TopK, MinScore: c.MinScore}
	var err error
	if q.Filter, err = c.filter(); err != nil {
		return err
	}
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPost, "/retrieve", q, &raw); err != nil {
		return err
	}
	if c.JSON {
		_, err := fmt.Println(string(raw))
		return err
	}
	var found passages
	if err := json.Unmarshal(raw, &found); err != nil {
		return err
	}
	if len(found.Passages) == 0 {
		fmt.Fprintln(os.Stderr, "nothing found")
		return nil
	}
	show(os.Stdout, found, c.Short, marks(os.Stdout))
	if found.Incomplete {
		fmt.Fprintln(os.Stderr, "there may be more: the search did not see all that could fit")
	}
	return nil
}

// filter is the request's, nil for none.
func (c *narrowing) filter() (any, error) {
	flags := c.Document != "" || c.Collection != "" || len(c.Metadata) > 0
	switch {
	case c.Filter != "" && flags:
		return nil, wrongUsage("give --filter, or --document, --collection and --metadata, not both")
	case c.Filter != "" && !json.Valid([]byte(c.Filter)):
		return nil, wrongUsage("--filter is not valid JSON")
	case c.Filter != "":
		return json.RawMessage(c.Filter), nil
	case !flags:
		return nil, nil
	}
	wanted, err := labels(c.Metadata)
	if err != nil {
		return nil, err
	}
	return &filter{c.Document, c.Collection, wanted}, nil
}

// show prints passages for a person: where each is from, and what it says, or in
// short how it begins. mark has it mark the words that they were found for.
func show(w io.Writer, found passages, short, mark bool) {
	for i, p := range found.Passages {
		text := beginning(p.Text)
		if !short {
			text = strings.ReplaceAll(strings.TrimSpace(plainText(p.Text)), "\n", "\n   ")
		}
		if mark {
			text = marked(text, p.Words)
		}
		fmt.Fprintf(w, "%d. %s, chunk %d  (score %.3f)  %s\n   %s\n", i+1, plain(p.DocumentID), p.Chunk, p.Score, plain(p.Title), above(p.Context, "   ")+text)
	}
}

// above shows what stands above a chunk in its document, as a line of its own; "" is
// nothing.
func above(context, indent string) string {
	if context == "" {
		return ""
	}
	return "[" + plain(strings.ReplaceAll(context, "\n", " / ")) + "]\n" + indent
}

// beginning is the first words of a text, on one line.
func beginning(text string) string {
	const most = 160
	words := []rune(plain(strings.Join(strings.Fields(text), " ")))
	if len(words) <= most {
		return string(words)
	}
	return string(words[:most]) + "..."
}
