package lab

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
)

func (p Place) String() string {
	if p == (Place{}) {
		return "-"
	}
	return string(p.Step) + "/" + string(p.Phase)
}

// Write writes rows as a table, and returns how many have a verdict.
func Write(w io.Writer, rows []Row) (failed int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tOUTCOME\tSTATUS\tELAPSED\tBUDGET\tRESPONSE\tLOG\tMETRIC\tTRACE\tATTEMPTS\tGOROUTINES\tSOCKETS\tVERDICT")
	for _, r := range rows {
		verdict := cmp.Or(r.Verdict, "ok")
		if r.Verdict != "" {
			failed++
			verdict = "FAILED: " + verdict
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.3f s\t%.1f s\t%s\t%s\t%s\t%s\t%d\t%+d\t%+d\t%s\n",
			r.Scenario, r.Outcome, r.Status, float64(r.ElapsedMS)/1000, float64(r.BudgetMS)/1000,
			r.Response, r.Log, r.Metric, r.Trace, r.Attempts, r.Goroutines, r.Sockets, verdict)
		if r.Note != "" {
			fmt.Fprintf(t, "  %s\t\t\t\t\t\t\t\t\t\t\t\t\n", r.Note)
		}
	}
	t.Flush()
	fmt.Fprintf(w, "\n%d scenarios, %d failed\n", len(rows), failed)
	return failed
}
