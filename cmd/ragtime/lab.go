package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	laboratory "ragtime/local/lab"
)

type lab struct {
	Filter string `arg:"" optional:"" help:"Run only scenarios whose name matches this regular expression, such as 'openai wait' or '^embed dynamodb'."`
	JSON   bool   `name:"json" help:"Print one JSON object a row as it ends, instead of a table."`
	List   bool   `help:"List the scenarios' names and run none."`
	Root   string `help:"Folder of template.yaml and build/; by default the one above this program's." type:"existingdir"`
}

func (c *lab) Run(ctx context.Context) error {
	filter, err := regexp.Compile(c.Filter)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if c.List {
		for _, s := range laboratory.Scenarios() {
			if filter.MatchString(s.Name) {
				fmt.Println(s.Name)
			}
		}
		return nil
	}
	root, err := projectRoot(c.Root)
	if err != nil {
		return err
	}
	o := laboratory.Options{Root: root, Filter: filter, Row: func(r laboratory.Row) {
		fmt.Fprintln(os.Stderr, r.Scenario+":", cmp.Or(r.Verdict, "ok"))
	}}
	var unprinted error
	out := json.NewEncoder(os.Stdout)
	if c.JSON {
		o.Row = func(r laboratory.Row) { unprinted = cmp.Or(unprinted, out.Encode(r)) }
	}
	rows, err := laboratory.Run(ctx, o)
	if err := cmp.Or(err, unprinted); err != nil {
		return err
	}
	failed := len(slices.DeleteFunc(slices.Clone(rows), func(r laboratory.Row) bool { return r.Verdict == "" }))
	if !c.JSON {
		slices.SortFunc(rows, func(a, b laboratory.Row) int { return strings.Compare(a.Scenario, b.Scenario) })
		laboratory.Write(os.Stdout, rows)
	}
	if failed > 0 {
		return fmt.Errorf("%d scenarios did not hold", failed)
	}
	return nil
}
