package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"ragtime/local/page"
)

type trace struct {
	Endpoint baseURL `help:"Where ragtime up serves." default:"http://127.0.0.1:3000" env:"RAGTIME_ENDPOINT"`
	ID       string  `arg:"" optional:"" help:"Id of an operation or of a trace; without it the latest operation's."`
}

func (c *trace) Run(ctx context.Context) error {
	id := c.ID
	if id == "" {
		id = page.Latest
	}
	at := string(c.Endpoint) + page.Path + "operations/" + url.PathEscape(id) + ".txt"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return c.Endpoint.unreached(ctx, err)
	}
	defer resp.Body.Close()
	text := io.LimitReader(resp.Body, 16<<20)
	if resp.StatusCode == http.StatusOK && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		_, err := io.Copy(os.Stdout, text)
		return err
	}
	why, err := io.ReadAll(text)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		return fmt.Errorf("%s answered %s: it is not `ragtime up`", c.Endpoint, resp.Status)
	}
	return errors.New(strings.TrimSpace(string(why)))
}
