package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"ragtime/local/evaluation"
	"ragtime/local/system/systemtest"
)

func evaluate(t *testing.T, root string, args ...string) (rows map[string]evaluation.Scores, raw string, code int) {
	t.Helper()
	c := exec.Command(filepath.Join(root, "build/ragtime"), append([]string{"eval", "--start", "--json"}, args...)...)
	c.Stderr = os.Stderr
	out, _ := c.Output()
	var list []evaluation.Scores
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("eval printed %q: %v", out, err)
	}
	rows = map[string]evaluation.Scores{}
	for _, r := range list {
		rows[r.Set+" "+r.Rank] = r
	}
	return rows, string(out), c.ProcessState.ExitCode()
}

// The samples' questions, through real functions. docs/retrieval.md has the figures;
// these are a little beneath them.
func TestEval(t *testing.T) {
	root := systemtest.Build(t)
	questions := filepath.Join("..", "..", "local", "samples", "questions.json")
	rows, raw, code := evaluate(t, root, questions)
	fused, similarity := rows["questions fused"], rows["questions similarity"]
	if code != 0 || fused.Questions != 40 || fused.Recall1 < 0.925 || fused.Recall3 < 1 || fused.Failed > 0 || fused.Tokens == 0 {
		t.Errorf("exit %d, fused: %+v", code, fused)
	}
	if similarity.Recall1 >= fused.Recall1 || similarity.Recall1 < 0.7 {
		t.Errorf("by similarity alone: %+v", similarity)
	}
	// What an earlier run had better, or CI wants better, is an exit status.
	earlier := filepath.Join(t.TempDir(), "earlier.json")
	for _, test := range []struct {
		name, earlier string
		args          []string
		code          int
	}{
		{"the same", raw, nil, 0},
		{"better before", strings.ReplaceAll(raw, `"mrr": 0.`, `"mrr": 1.`), nil, 1},
		{"not good enough", raw, []string{"--least=0.99"}, 1},
	} {
		if err := os.WriteFile(earlier, []byte(test.earlier), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, code := evaluate(t, root, append(test.args, "--compare="+earlier, questions)...); code != test.code {
			t.Errorf("%s: exit %d, want %d", test.name, code, test.code)
		}
	}
}

// XQuAD has the same paragraphs and questions in many languages. It is not ours to
// copy: RAGTIME_TEST_XQUAD names a folder that has xquad.<language>.json.
func TestEvalLanguages(t *testing.T) {
	folder := os.Getenv("RAGTIME_TEST_XQUAD")
	if folder == "" {
		t.Skip("RAGTIME_TEST_XQUAD is not set: retrieval is not measured in other languages")
	}
	var files []string
	least := map[string][2]float64{"en": {0.94, 0.99}, "de": {0.915, 0.975}, "zh": {0.92, 0.99}}
	for language := range least {
		files = append(files, filepath.Join(folder, "xquad."+language+".json"))
	}
	rows, _, code := evaluate(t, systemtest.Build(t), append(files, "--rank=fused")...)
	if code != 0 {
		t.Errorf("eval exited %d", code)
	}
	for language, want := range least {
		if got := rows["xquad."+language+" fused"]; got.Recall1 < want[0] || got.Recall5 < want[1] {
			t.Errorf("%s: got %.3f first, %.3f among five, want %.3f and %.3f", language, got.Recall1, got.Recall5, want[0], want[1])
		}
	}
}

// The page measures as the command does without flags.
func TestEvalIsAsThePage(t *testing.T) {
	var c eval
	p, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse([]string{"eval_test.go"}); err != nil {
		t.Fatal(err)
	}
	got := evaluation.Options{Ranks: c.Rank, TopK: c.TopK, Parallel: c.Parallel, Late: c.Late}
	if diff := cmp.Diff(evaluation.Usual(), got); diff != "" {
		t.Errorf("(-page +command):\n%s", diff)
	}
}
