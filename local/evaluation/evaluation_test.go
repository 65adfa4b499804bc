package evaluation

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	dir := write(t, map[string]string{
		"lines.jsonl": `{"question":"a?","document":"x"}` + "\n\n" + `{"question":"b?","documents":["x","y"]}`,
		"array.json":  `[{"question":"a?","document":"x"}]`,
		"squad.json": `{"version":"2","data":[{"title":"T","paragraphs":[{"context":"one","qas":[{"question":"a?"},{"question":"none?","is_impossible":true}]},
			{"context":"two","qas":[{"question":"b?"}]}]}]}`,
		"beir/corpus.jsonl":     `{"_id":"x","title":"X","text":"one"}` + "\n" + `{"_id":"y","text":"two"}`,
		"beir/queries.jsonl":    `{"_id":"1","text":"a?"}` + "\n" + `{"_id":"2","text":"of training"}`,
		"beir/qrels/test.tsv":   "query-id\tcorpus-id\tscore\n1\tx\t2\n1\ty\t0\n",
		"empty.jsonl":           "",
		"unanswered.jsonl":      `{"question":"a?"}`,
		"broken.jsonl":          `{"question":"a?","document":"x"}` + "\n{",
		"bad/corpus.jsonl":      "",
		"bad/queries.jsonl":     "",
		"bad/qrels/test.tsv":    "1 x 2",
		"half/corpus.jsonl":     "",
		"half/queries.jsonl":    "",
		"graded/corpus.jsonl":   "",
		"graded/queries.jsonl":  "",
		"graded/qrels/test.tsv": "1\tx\tmuch",
	})
	for name, want := range map[string]Set{
		"lines.jsonl": {Name: "lines", Questions: []Question{{"a?", map[string]int{"x": 1}}, {"b?", map[string]int{"x": 1, "y": 1}}}},
		"array.json":  {Name: "array", Questions: []Question{{"a?", map[string]int{"x": 1}}}},
		"squad.json": {Name: "squad", Documents: []Document{{ID: "paragraph-0", Text: "one"}, {ID: "paragraph-1", Text: "two"}},
			Questions: []Question{{"a?", map[string]int{"paragraph-0": 1}}, {"b?", map[string]int{"paragraph-1": 1}}}},
		"beir": {Name: "beir", Documents: []Document{{"x", "X", "one"}, {"y", "", "two"}}, Questions: []Question{{"a?", map[string]int{"x": 2}}}},
	} {
		got, err := Read(filepath.Join(dir, name))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for name, want := range map[string]string{
		"empty.jsonl": "no question", "unanswered.jsonl": "question 1: needs", "broken.jsonl": "question 2", "bad": "line 1 has not 3 fields",
		"half": "qrels", "graded": "line 1", "missing": "missing",
	} {
		if _, err := Read(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", name, err, want)
		}
	}
}

func TestScore(t *testing.T) {
	s := Set{Name: "s", Questions: []Question{
		{"first", map[string]int{"a": 1}},
		{"third, after one twice", map[string]int{"a": 1}},
		{"two of them, graded", map[string]int{"a": 1, "b": 2}},
		{"not found", map[string]int{"a": 1}},
		{"failed", map[string]int{"a": 1}},
	}}
	answers := []Answer{
		{Documents: []string{"a", "x"}, Elapsed: time.Millisecond, Tokens: 3},
		{Documents: []string{"x", "x", "y", "a"}, Elapsed: 2 * time.Millisecond, Tokens: 4},
		{Documents: []string{"a", "b"}, Elapsed: 3 * time.Millisecond},
		{Documents: []string{"x"}, Elapsed: 4 * time.Millisecond},
		{Err: errors.New("no"), Elapsed: time.Minute},
	}
	want := Scores{Set: "s", Rank: "fused", Questions: 5,
		Recall1:  2.0 / 5,
		Recall3:  3.0 / 5,
		Recall5:  3.0 / 5,
		Recall10: 3.0 / 5,
		MRR:      (1 + 1.0/3 + 1) / 5,
		NDCG:     (1 + 1/math.Log2(4) + (1+3/math.Log2(3))/(3+1/math.Log2(3))) / 5,
		P50:      3, P99: 60_000, Late: 1, Failed: 1, Tokens: 7}
	got := Score(s, "fused", answers, time.Second)
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWorse(t *testing.T) {
	before := []Scores{{Set: "a", Rank: "fused", Recall1: 0.9, MRR: 0.95}, {Set: "b", Rank: "fused"}}
	now := []Scores{{Set: "a", Rank: "fused", Recall1: 0.896, MRR: 0.9}, {Set: "b", Rank: "similarity"}}
	want := []string{"a, fused: MRR fell from 0.950 to 0.900", "b, fused: not measured this time"}
	if diff := cmp.Diff(want, Worse(before, now, 0.005)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	Write(&b, []Scores{{Set: "s", Rank: "fused", Questions: 2, Recall1: 0.5, P99: 12.4}})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 3 || strings.Count(lines[0], "|") != strings.Count(lines[2], "|") || !strings.HasPrefix(lines[2], "| s | fused | 2 | 0.500 |") {
		t.Errorf("got\n%s", b.String())
	}
}

func TestMisses(t *testing.T) {
	s := Set{Questions: []Question{
		{"first", map[string]int{"a": 1}},
		{"third, after one twice", map[string]int{"a": 1, "b": 2}},
		{"not found", map[string]int{"a": 1}},
		{"failed", map[string]int{"a": 1}},
	}}
	answers := []Answer{{Documents: []string{"a"}}, {Documents: []string{"x", "x", "y", "a"}}, {Documents: []string{"x"}}, {Err: errors.New("no")}}
	want := []Miss{
		{Question: "third, after one twice", Wanted: []string{"b", "a"}, Found: "x", Place: 3},
		{Question: "not found", Wanted: []string{"a"}, Found: "x"},
		{Question: "failed", Wanted: []string{"a"}, Problem: "no"},
	}
	if diff := cmp.Diff(want, Misses(s, answers)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A put that fails ends a measurement, since the questions would find nothing.
func TestMeasureEndsWithAFailedPut(t *testing.T) {
	s := Set{Name: "s", Documents: []Document{{ID: "a", Text: "text"}}, Questions: []Question{{"q?", map[string]int{"a": 1}}}}
	_, err := Measure(t.Context(), s, func(_ context.Context, method, _ string, _, _ any) error {
		if method != http.MethodPut {
			t.Errorf("%s was asked after a put failed", method)
		}
		return errors.New("the store is away")
	}, Usual())
	if err == nil || !strings.Contains(err.Error(), "put the documents: a: the store is away") {
		t.Errorf("got error %v", err)
	}
}
