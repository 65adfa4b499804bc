package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ragtime/local/evaluation"
	"ragtime/local/lambda"
	"ragtime/local/system"
)

type eval struct {
	remote
	Files     []string      `arg:"" name:"file" help:"Questions with the documents that answer them: JSON lines or an array of {question, document}; SQuAD's JSON; a folder as BEIR has them." type:"existingpath"`
	Start     bool          `help:"Start a system on this machine with the sample documents, for this run alone."`
	Root      string        `help:"With --start: folder of template.yaml and build/; by default the one above this program's." type:"existingdir"`
	Rank      []string      `help:"Rankings to measure." default:"similarity,fused" enum:"similarity,fused"`
	TopK      int           `short:"k" help:"Passages to ask for; several may be of one document." default:"30"`
	Parallel  int           `short:"p" help:"Requests under way at once." default:"2"`
	Late      time.Duration `help:"An answer that takes longer counts as late." default:"26s"`
	Least     float64       `help:"Exit 1 where the recall among the first of a set is below this, by the last of the rankings."`
	Compare   string        `help:"What an earlier run printed with --json: exit 1 where this one is worse." type:"existingfile"`
	Tolerance float64       `help:"How much less is not yet worse." default:"0.005"`
	JSON      bool          `name:"json" help:"Print JSON instead of a table."`
}

func (c *eval) Help() string {
	return `A file that brings its documents has them put first, into a collection of its own, eval-NAME.
Without them, the questions are asked of the whole library.`
}

func (c *eval) Run(ctx context.Context) error {
	var before []evaluation.Scores
	if c.Compare != "" {
		raw, err := os.ReadFile(c.Compare)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &before); err != nil {
			return fmt.Errorf("%s is not what --json printed: %w", c.Compare, err)
		}
	}
	if c.Start {
		s, err := c.start(ctx)
		if err != nil {
			return err
		}
		defer s()
	}
	var rows []evaluation.Scores
	for _, path := range c.Files {
		set, err := evaluation.Read(path)
		if err != nil {
			return err
		}
		results, err := evaluation.Measure(ctx, set, c.call, evaluation.Options{Ranks: c.Rank, TopK: c.TopK, Parallel: c.Parallel, Late: c.Late})
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, r := range results {
			rows = append(rows, r.Scores)
		}
	}
	if err := c.print(os.Stdout, rows); err != nil {
		return err
	}
	return c.verdict(rows, before)
}

func (c *eval) print(w io.Writer, rows []evaluation.Scores) error {
	if !c.JSON {
		evaluation.Write(w, rows)
		return nil
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

// verdict is an error where CI should fail.
func (c *eval) verdict(rows, before []evaluation.Scores) error {
	wrong := evaluation.Worse(before, rows, c.Tolerance)
	for _, r := range rows {
		if r.Rank == c.Rank[len(c.Rank)-1] && r.Recall1 < c.Least {
			wrong = append(wrong, fmt.Sprintf("%s, %s: recall@1 is %.3f, below %g", r.Set, r.Rank, r.Recall1, c.Least))
		}
		if r.Failed > 0 || r.Late > 0 {
			wrong = append(wrong, fmt.Sprintf("%s, %s: %d answers failed, %d were late", r.Set, r.Rank, r.Failed, r.Late))
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n"))
	}
	return nil
}

// start starts a system whose data goes with it, and points the command at it.
func (c *eval) start(ctx context.Context) (stop func(), err error) {
	root, err := projectRoot(c.Root)
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp("", "ragtime-eval-")
	if err != nil {
		return nil, err
	}
	s, err := system.Start(system.Options{Root: root, Data: data, SecretKey: true, Log: func(lambda.Line) {}})
	if err != nil {
		os.RemoveAll(data)
		return nil, err
	}
	stop = func() {
		s.Close()
		os.RemoveAll(data)
	}
	c.Endpoint = baseURL(s.URL)
	if _, err := load(ctx, c.remote); err != nil {
		stop()
		return nil, fmt.Errorf("load the samples: %w", err)
	}
	return stop, nil
}
