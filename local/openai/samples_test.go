package openai

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ragtime/local/samples"
	"ragtime/shared/chunk"
)

// storedChunk is a chunk of a sample document.
type storedChunk struct {
	document, title, text string
	vector                []float32
}

func storedSamples() (out []storedChunk) {
	for _, d := range samples.Documents() {
		for c := range chunk.All(d.Text, chunk.Options{}) {
			text := chunk.WithContext(c.Context, c.Text)
			out = append(out, storedChunk{d.ID, d.Title, text, Embed(text, 256)})
		}
	}
	return out
}

// topFive returns passages for a question as retrieval would give them, best first. The
// chunk with the fact is always among them; nil if no chunk has it.
func topFive(q samples.Question, all []storedChunk) (out []storedChunk) {
	v := Embed(q.Question, 256)
	near := func(s storedChunk) (sum float32) {
		for i := range v {
			sum += v[i] * s.vector[i]
		}
		return sum
	}
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b storedChunk) int { return cmp.Compare(near(b), near(a)) })
	for i, s := range sorted {
		if s.document == q.Document && strings.Contains(s.text, q.Fact) {
			at := min(i, 4)
			return slices.Insert(slices.Delete(sorted, i, i+1), at, s)[:5]
		}
	}
	return nil
}

func asPrompt(question string, passages []storedChunk) string {
	var out strings.Builder
	for i, p := range passages {
		fmt.Fprintf(&out, "<passage %d a1b2>\nTitle: %s\n%s\n</passage %d a1b2>\n", i+1, p.title, strings.TrimSpace(p.text), i+1)
	}
	return "Passages:\n" + out.String() + "\nQuestion:\n" + question
}

var marker = regexp.MustCompile(`\[(\d+)\]`)

// The samples' questions are answered from the passage that has the fact, though
// four passages beside it are as like the question as any.
func TestSamplesAreAnswered(t *testing.T) {
	all := storedSamples()
	cited, first := 0, 0
	for _, q := range samples.Questions() {
		passages := topFive(q, all)
		if len(passages) != 5 {
			t.Fatalf("%s: no passage says %q", q.Question, q.Fact)
		}
		answer := reply([]message{{"system", "Answer."}, {"user", asPrompt(q.Question, passages)}})
		found := -1
		for i, m := range marker.FindAllStringSubmatch(answer, -1) {
			n, _ := strconv.Atoi(m[1])
			if n < 1 || n > 5 {
				t.Errorf("%s: answered %q", q.Question, answer)
			} else if found < 0 && strings.Contains(passages[n-1].text, q.Fact) {
				found = i
			}
		}
		if found >= 0 {
			cited++
		} else {
			t.Logf("%s: %s\n\tinstead of %s", q.Question, answer, q.Fact)
		}
		if found == 0 {
			first++
		}
	}
	t.Logf("%d of 40 answers cite the passage with the fact, %d of them first", cited, first)
	if cited < 36 {
		t.Errorf("%d of 40 answers cite the passage with the fact, want at least 36", cited)
	}
}

// What the samples do not say is not answered from them.
func TestUnknownIsSaid(t *testing.T) {
	all := storedSamples()
	for _, question := range []string{
		"Who painted the ceiling of the Sistine Chapel?",
		"What is the boiling point of nitrogen?",
		"How do I sharpen a kitchen knife?",
		"Wie hoch ist der Eiffelturm?",
		"光合作用是什么？",
	} {
		passages := topFive(samples.Question{Question: question, Document: "appeals", Fact: ""}, all)
		if answer := reply([]message{{"user", asPrompt(question, passages)}}); answer != unknownReply {
			t.Errorf("%s: answered %q", question, answer)
		}
	}
}
