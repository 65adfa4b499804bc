package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"text/tabwriter"

	way "ragtime/shared/diagnose"
)

type diagnose struct {
	remote
	JSON bool `name:"json" help:"Print the answer as the API gave it."`
}

// diagnosis is the answer of POST /diagnose.
type diagnosis struct {
	Targets []way.Target `json:"targets"`
}

func (c *diagnose) Run(ctx context.Context) error {
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPost, "/diagnose", nil, &raw); err != nil {
		return err
	}
	var found diagnosis
	if err := json.Unmarshal(raw, &found); err != nil {
		return err
	}
	if c.JSON {
		fmt.Println(string(raw))
	} else {
		showWays(os.Stdout, found.Targets)
	}
	shut := 0
	for _, t := range found.Targets {
		if !t.OK {
			shut++
		}
	}
	if shut > 0 {
		return fmt.Errorf("%d of %d targets were not reached", shut, len(found.Targets))
	}
	return nil
}

// showWays prints targets for a person: which address of which service, how long
// each phase took, and below those that were not reached, why. Those come first.
func showWays(w io.Writer, targets []way.Target) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range targets {
		mark := "ok"
		if !t.OK {
			mark = "NOT OK"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s", mark, t.Name, t.Host, cmp.Or(t.Address, "no address"))
		for _, p := range t.Phases {
			fmt.Fprintf(table, "\t%s %.0f ms", p.Name, p.MS)
		}
		fmt.Fprintln(table)
	}
	table.Flush()
	for _, t := range targets {
		if t.OK {
			continue
		}
		fmt.Fprintf(w, "\n%s %s, step %s, phase %s:\n  %s\n", t.Name, cmp.Or(t.Address, t.Host), t.Step, cmp.Or(string(t.Phase), "none"), t.Error)
	}
}
