package evaluation

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Answer is what a retrieval gave for a question.
type Answer struct {
	Documents []string // best first; a document may occur often, and counts once
	Elapsed   time.Duration
	Tokens    int
	Err       error
}

// Scores are of one set under one ranking. A question without an answer counts
// as one for which nothing was found.
type Scores struct {
	Set       string  `json:"set"`
	Rank      string  `json:"rank"`
	Questions int     `json:"questions"`
	Recall1   float64 `json:"recall_1"` // the share of a question's documents among the first; the mean of all questions
	Recall3   float64 `json:"recall_3"`
	Recall5   float64 `json:"recall_5"`
	Recall10  float64 `json:"recall_10"`
	MRR       float64 `json:"mrr"`  // 1 / the place of the first right document, 0 past 10
	NDCG      float64 `json:"ndcg"` // of 10, with the graded gain 2^grade - 1
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Late      int     `json:"late"`   // answers that took longer than allowed
	Failed    int     `json:"failed"` // errors, timeouts among them
	Tokens    int     `json:"embedding_tokens"`
}

// Score scores answers, one a question, in the questions' order.
func Score(s Set, rank string, answers []Answer, late time.Duration) Scores {
	out := Scores{Set: s.Name, Rank: rank, Questions: len(s.Questions)}
	n := float64(len(s.Questions))
	var elapsed []time.Duration
	for i, a := range answers {
		elapsed = append(elapsed, a.Elapsed)
		out.Tokens += a.Tokens
		if a.Elapsed > late {
			out.Late++
		}
		if a.Err != nil {
			out.Failed++
			continue
		}
		want := s.Questions[i].Answers
		got := once(a.Documents)
		out.Recall1 += recall(got, want, 1) / n
		out.Recall3 += recall(got, want, 3) / n
		out.Recall5 += recall(got, want, 5) / n
		out.Recall10 += recall(got, want, 10) / n
		out.NDCG += gain(got, want) / ideal(want) / n
		for place, id := range got[:min(depth, len(got))] {
			if want[id] > 0 {
				out.MRR += 1 / float64(place+1) / n
				break
			}
		}
	}
	slices.Sort(elapsed)
	out.P50 = milliseconds(quantile(elapsed, 0.50))
	out.P99 = milliseconds(quantile(elapsed, 0.99))
	return out
}

// Miss is a question whose first document does not answer it.
type Miss struct {
	Question string   `json:"question"`
	Wanted   []string `json:"wanted"`          // the documents that answer it, the best first
	Found    string   `json:"found,omitempty"` // the first document; empty if there was none
	Place    int      `json:"place,omitempty"` // of the first document that answers it, from 1; 0 if none was found
	Problem  string   `json:"problem,omitempty"`
}

// Misses returns the questions whose first document does not answer them.
func Misses(s Set, answers []Answer) []Miss {
	out := []Miss{}
	for i, a := range answers {
		q := s.Questions[i]
		got := once(a.Documents)
		m := Miss{Question: q.Text, Wanted: best(q.Answers)}
		m.Place = 1 + slices.IndexFunc(got, func(id string) bool { return q.Answers[id] > 0 })
		if m.Place == 1 {
			continue
		}
		if len(got) > 0 {
			m.Found = got[0]
		}
		if a.Err != nil {
			m.Problem = a.Err.Error()
		}
		out = append(out, m)
	}
	return out
}

// depth is how many documents MRR and nDCG look at.
const depth = 10

func once(ids []string) (out []string) {
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// recall is of the best that k places could hold: one of two documents in the
// first place is all that it can have.
func recall(got []string, want map[string]int, k int) float64 {
	found := 0
	for _, id := range got[:min(k, len(got))] {
		if want[id] > 0 {
			found++
		}
	}
	return float64(found) / float64(min(k, len(want)))
}

func gain(got []string, want map[string]int) (sum float64) {
	for place, id := range got[:min(depth, len(got))] {
		sum += (math.Exp2(float64(want[id])) - 1) / math.Log2(float64(place+2))
	}
	return sum
}

func ideal(want map[string]int) float64 { return gain(best(want), want) }

// best are the documents that answer a question, the best first.
func best(want map[string]int) []string {
	return slices.SortedFunc(maps.Keys(want), func(a, b string) int {
		return cmp.Or(want[b]-want[a], strings.Compare(a, b))
	})
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
