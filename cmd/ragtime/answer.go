package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

type answer struct {
	remote
	narrowing
	Question []string `arg:"" help:"What to answer, in plain words."`
	TopK     int      `short:"k" help:"From how many passages, 1 to 100." default:"8"`
	JSON     bool     `help:"Print the whole answer as the API gave it."`
}

type question struct {
	Question string `json:"question"`
	TopK     int    `json:"top_k"`
	Filter   any    `json:"filter,omitempty"` // as a query's
}

// Run prints the answer while it is written, and what it cites below it. Where there
// is no whole answer it prints the passages, and fails with the reason.
func (c *answer) Run(ctx context.Context) error {
	q := question{Question: strings.Join(c.Question, " "), TopK: c.TopK}
	var err error
	if q.Filter, err = c.filter(); err != nil {
		return err
	}
	if c.JSON {
		return c.raw(ctx, q)
	}
	ctx, cancel := c.patient(ctx)
	defer cancel()
	// Where answers cannot be streamed to us, a whole one will do.
	resp, err := c.send(ctx, http.MethodPost, "/answer", "text/event-stream, application/json;q=0.5", q)
	if status, ok := errors.AsType[*apiError](err); ok && status.status == http.StatusNotAcceptable {
		resp, err = c.send(ctx, http.MethodPost, "/answer", "application/json", q)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p := printer{out: os.Stdout}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return p.stream(resp.Body)
	}
	return p.whole(resp.Body)
}

// raw prints the whole answer as it is. Where it lacks its text it fails all the same.
func (c *answer) raw(ctx context.Context, q question) error {
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPost, "/answer", q, &raw); err != nil {
		return err
	}
	if _, err := fmt.Println(string(raw)); err != nil {
		return err
	}
	var a answered
	if err := json.Unmarshal(raw, &a); err != nil || a.Degraded == nil {
		return err
	}
	return a.Degraded
}

// answered is what the API tells of an answer, whole or event by event.
type answered struct {
	passages
	problem
	Answer    string `json:"answer"`
	Text      string `json:"text"`
	Citations []struct {
		Marker     int    `json:"marker"`
		DocumentID string `json:"document_id"`
		Chunk      int    `json:"chunk"`
		Text       string `json:"text"`
	} `json:"citations"`
	Degraded *degraded `json:"degraded"`
}

// degraded is why an answer has no text, or not all of it.
type degraded struct {
	Step   string `json:"step"`
	Phase  string `json:"phase"`
	Reason string `json:"reason"`
}

func (d *degraded) Error() string {
	where := "step " + plain(d.Step)
	if d.Phase != "" {
		where += ", phase " + plain(d.Phase)
	}
	return fmt.Sprintf("no answer, only its passages: %s (%s)", plain(d.Reason), where)
}

// printer prints an answer for a person.
type printer struct {
	out   io.Writer
	found passages
	begun bool // the answer's text has
}

// stream prints an answer as it comes.
func (p *printer) stream(body io.Reader) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, mostAnswer)
	event := ""
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var a answered
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			return err
		}
		switch event {
		case "passages":
			p.found = a.passages
		case "text":
			p.text(a.Text)
		case "citations":
			p.sources(a)
		case "done":
			return nil
		case "error":
			return p.failed(a)
		}
	}
	p.text("\n")
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the answer broke off: %w", err)
	}
	return errors.New("the answer broke off: the connection ended before its end")
}

// whole prints an answer that came at once.
func (p *printer) whole(body io.Reader) error {
	var a answered
	if err := json.NewDecoder(io.LimitReader(body, mostAnswer)).Decode(&a); err != nil {
		return err
	}
	p.found = a.passages
	if a.Degraded != nil {
		return p.failed(a)
	}
	p.text(a.Answer)
	p.sources(a)
	return nil
}

func (p *printer) text(piece string) {
	p.begun = p.begun || strings.TrimSpace(piece) != ""
	if p.begun {
		fmt.Fprint(p.out, plainText(piece))
	}
}

// sources prints what the answer cites.
func (p *printer) sources(a answered) {
	fmt.Fprintln(p.out)
	for _, c := range a.Citations {
		title := ""
		if n := c.Marker - 1; n >= 0 && n < len(p.found.Passages) {
			title = plain(p.found.Passages[n].Title)
		}
		fmt.Fprintf(p.out, "\n[%d] %s, chunk %d  %s\n    %s\n", c.Marker, plain(c.DocumentID), c.Chunk, title, beginning(c.Text))
	}
}

// failed prints what there is instead of an answer.
func (p *printer) failed(a answered) error {
	if p.begun {
		fmt.Fprintln(p.out)
	}
	show(p.out, p.found, true, false)
	if a.Degraded == nil {
		return errors.New(a.problem.String())
	}
	return a.Degraded
}
