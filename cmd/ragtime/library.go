package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"

	"ragtime/shared/metadata"
)

type list struct {
	remote
	JSON bool `help:"Print a JSON object a line, as the API gave it."`
}

type get struct {
	remote
	ID   documentID `arg:"" name:"document_id" help:"The document's id; list shows it."`
	JSON bool       `help:"Print the chunks as JSON objects, one a line."`
}

type remove struct {
	remote
	IDs []documentID `arg:"" name:"document_id" help:"The documents' ids."`
}

// listed is a document in a list.
type listed struct {
	DocumentID documentID   `json:"document_id"`
	Title      string       `json:"title"`
	Collection string       `json:"collection"`
	Chunks     int          `json:"chunks"`
	UpdatedAt  string       `json:"updated_at"`
	Version    string       `json:"version"`
	Metadata   metadata.Map `json:"metadata"`
}

// source is where it came from, as put says.
func (d listed) source() string { return d.Metadata["source"].Text() }

// each calls f for every document, in the order of their ids.
func (r remote) each(ctx context.Context, f func(listed) error) error {
	for cursor := ""; ; {
		var page struct {
			Documents []listed `json:"documents"`
			Cursor    string   `json:"cursor"`
		}
		if err := r.call(ctx, http.MethodGet, "/documents?limit=100&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return err
		}
		for _, d := range page.Documents {
			if err := f(d); err != nil {
				return err
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return nil
		}
	}
}

func (c *list) Run(ctx context.Context) error {
	return c.each(ctx, func(d listed) error {
		if c.JSON {
			return printJSON(d)
		}
		_, err := fmt.Printf("%s\t%d\t%s\t%s\n", d.DocumentID, d.Chunks, d.UpdatedAt, plain(d.Title))
		return err
	})
}

func (c *get) Run(ctx context.Context) error {
	for cursor := ""; ; {
		var page struct {
			Chunks []struct {
				Chunk   int    `json:"chunk"`
				Context string `json:"context,omitempty"`
				Text    string `json:"text"`
				Tokens  int    `json:"tokens"`
			} `json:"chunks"`
			Cursor string `json:"cursor"`
		}
		if err := c.call(ctx, http.MethodGet, c.ID.path()+"/chunks?limit=100&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return err
		}
		for _, chunk := range page.Chunks {
			var err error
			if c.JSON {
				err = printJSON(chunk)
			} else {
				_, err = fmt.Printf("-- chunk %d, %d tokens\n%s%s\n", chunk.Chunk, chunk.Tokens, above(chunk.Context, ""), strings.TrimRight(plainText(chunk.Text), "\n"))
			}
			if err != nil {
				return err
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return nil
		}
	}
}

func (c *remove) Run(ctx context.Context) error {
	for _, id := range c.IDs {
		if err := c.call(ctx, http.MethodDelete, id.path(), nil, nil); err != nil {
			return fmt.Errorf("%s: %w", plain(string(id)), err)
		}
		fmt.Fprintf(os.Stderr, "%s: deleted\n", plain(string(id)))
	}
	return nil
}

// plain makes a text fit for a line of a terminal: what moves the cursor, colours
// or hides becomes a space.
func plain(s string) string { return strings.Map(harmless(""), s) }

// plainText does so for text of several lines.
func plainText(s string) string { return strings.Map(harmless("\n\t"), s) }

func harmless(but string) func(rune) rune {
	return func(r rune) rune {
		if strings.ContainsRune(but, r) || unicode.IsPrint(r) {
			return r
		}
		return ' '
	}
}
