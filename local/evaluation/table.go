package evaluation

import (
	"fmt"
	"io"
)

// Write writes scores as a Markdown table.
func Write(w io.Writer, rows []Scores) {
	fmt.Fprintln(w, "| set | rank | questions | recall@1 | @3 | @5 | @10 | MRR | nDCG | p50 ms | p99 ms | late | failed | tokens |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %d | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %.0f | %.0f | %d | %d | %d |\n", r.Set, r.Rank, r.Questions,
			r.Recall1, r.Recall3, r.Recall5, r.Recall10, r.MRR, r.NDCG, r.P50, r.P99, r.Late, r.Failed, r.Tokens)
	}
}

// Worse tells, a line each, what fell by more than tolerance since an earlier run
// of the same sets and rankings, and which of those is missing now. Latency is not
// compared: it is the machine's.
func Worse(before, now []Scores, tolerance float64) (lines []string) {
	for _, b := range before {
		found := false
		for _, n := range now {
			if b.Set != n.Set || b.Rank != n.Rank {
				continue
			}
			found = true
			for _, m := range []struct {
				name        string
				before, now float64
			}{
				{"recall@1", b.Recall1, n.Recall1},
				{"recall@3", b.Recall3, n.Recall3},
				{"recall@5", b.Recall5, n.Recall5},
				{"recall@10", b.Recall10, n.Recall10},
				{"MRR", b.MRR, n.MRR},
				{"nDCG", b.NDCG, n.NDCG},
			} {
				if m.before-m.now > tolerance {
					lines = append(lines, fmt.Sprintf("%s, %s: %s fell from %.3f to %.3f", b.Set, b.Rank, m.name, m.before, m.now))
				}
			}
		}
		if !found {
			lines = append(lines, fmt.Sprintf("%s, %s: not measured this time", b.Set, b.Rank))
		}
	}
	return lines
}
