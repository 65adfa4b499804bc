package rag

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/chunk"
)

func saying(passages []Passage) string {
	var s []string
	for _, p := range passages {
		s = append(s, p.Text)
	}
	return strings.Join(s, " | ")
}

func found(scored ...any) (out []Passage) {
	for i := 0; i < len(scored); i += 2 {
		out = append(out, Passage{Text: scored[i].(string), Score: scored[i+1].(float64)})
	}
	return out
}

func TestRank(t *testing.T) {
	for _, test := range []struct {
		name, query string
		passages    []Passage
		by          Ranking
		want        string
	}{
		{"none", "glasses", nil, Fused, ""},
		{"a rare word beats a little similarity", "are glasses covered",
			found("are plans covered", 0.52, "are claims covered", 0.51, "glasses: every two years", 0.50), "",
			"glasses: every two years | are plans covered | are claims covered"},
		{"similarity alone", "glasses", found("plans", 0.5, "glasses", 0.4), Similarity, "plans | glasses"},
		{"no word in common leaves the order", "xyzzy", found("b", 0.3, "a", 0.2, "c", 0.1), Fused, "b | a | c"},
		{"equal similarity", "glasses", found("plans", 0.5, "glasses", 0.5), Fused, "glasses | plans"},
		{"inflected", "Versicherungen", found("Der Hund.", 0.3, "Die Versicherung.", 0.3), Fused, "Die Versicherung. | Der Hund."},
		{"a word that is another's beginning", "pill", found("The dog.", 0.3, "Pills by mail.", 0.3), Fused, "Pills by mail. | The dog."},
		{"the more letters in common", "prescribing", found("A present.", 0.3, "A prescription.", 0.3), Fused, "A prescription. | A present."},
		{"words beside one another", "waiting period", found("The period of waiting.", 0.3, "A waiting period now.", 0.3), Fused, "A waiting period now. | The period of waiting."},
		{"words beside one another, inflected", "schwarzen Katzen", found("Die Katze ist schwarz.", 0.3, "Eine schwarze Katze da.", 0.3), Fused, "Eine schwarze Katze da. | Die Katze ist schwarz."},
		{"one character", "猫", found("狗和鸟", 0.3, "一只白猫", 0.3), Fused, "一只白猫 | 狗和鸟"},
		{"Chinese", "等待期有多长", found("图书馆不开门", 0.3, "牙科的等待期", 0.3), Fused, "牙科的等待期 | 图书馆不开门"},
		{"Thai", "ประกันสุขภาพ", found("ห้องสมุดปิด", 0.3, "การประกันภัย", 0.3), Fused, "การประกันภัย | ห้องสมุดปิด"},
		{"accents composed or not", "café", found("the", 0.3, "cafe\u0301", 0.3), Fused, "cafe\u0301 | the"},
		{"a text twice", "a", found("x", 0.5, "y", 0.4, "x", 0.3), Fused, "x | y"},
	} {
		if got := saying(Rank(test.query, test.passages, test.by)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestRankTellsWhy(t *testing.T) {
	passages := []Passage{
		{DocumentID: "a", Text: "The dental plan.", Score: 0.5},
		{DocumentID: "b", Text: "Nothing.", Score: 0.4},
		{DocumentID: "c", Text: "Crowns cost 50 %.", Title: "Dental care", Score: 0.3},
	}
	before := slices.Clone(passages)
	got := map[string]Passage{}
	for _, p := range Rank("What does a dental crown cost?", passages, Fused) {
		got[p.DocumentID] = p
	}
	want := map[string]Passage{
		"a": {DocumentID: "a", Text: "The dental plan.", Score: 0.5, SimilarityRank: 1, WordRank: 2, Words: []string{"dental"}},
		"b": {DocumentID: "b", Text: "Nothing.", Score: 0.4, SimilarityRank: 2, Words: []string{}},
		"c": {DocumentID: "c", Text: "Crowns cost 50 %.", Title: "Dental care", Score: 0.3, SimilarityRank: 3, WordRank: 1, Words: []string{"dental", "crown", "cost"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, passages); diff != "" {
		t.Errorf("Rank changed its input:\n%s", diff)
	}
}

// A document with more than one passage for a question goes before one with a
// passage that is a little better, and alone.
func TestRankByOtherPassages(t *testing.T) {
	passages := []Passage{
		{DocumentID: "alone", Text: "dental glasses", Score: 0.61},
		{DocumentID: "several", Text: "glasses dental", Score: 0.60},
		{DocumentID: "several", Text: "dental", Score: 0.59},
		{DocumentID: "other", Text: "plans", Score: 0.1},
		{DocumentID: "another", Text: "claims", Score: 0.1},
	}
	const want = "glasses dental | dental glasses | dental | plans | claims"
	if got := saying(Rank("dental or glasses", passages, Fused)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	passages[2].DocumentID = "a third"
	if got := saying(Rank("dental or glasses", passages, Fused)); got != saying(passages) {
		t.Errorf("got %q, want the order of similarity", got)
	}
}

// A passage tells the words that it has, or that share their first four letters
// with one of its own: three may be chance.
func TestRankTellsWords(t *testing.T) {
	got := Rank("Which pill is for a leg?", found("Pills.", 0.5, "Pilots.", 0.4, "Legs.", 0.3), Similarity)
	for i, want := range [][]string{{"pill"}, {}, {}} {
		if diff := cmp.Diff(want, got[i].Words); diff != "" || got[i].WordRank == 0 {
			t.Errorf("%q, %d by words (-want +got):\n%s", got[i].Text, got[i].WordRank, diff)
		}
	}
}

// Whatever is found, each distinct text comes out once, with its ranks.
func TestRankOfRandomPassages(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	vocabulary := strings.Fields("plan plans pay 健康保险 险 ประกัน Größe Grosse e\u0301 \u0301 123 🙂 \xff the of")
	said := func() string {
		var s []string
		for range r.IntN(6) {
			s = append(s, vocabulary[r.IntN(len(vocabulary))])
		}
		return strings.Join(s, " ")
	}
	for range 500 {
		var in []Passage
		distinct := map[string]bool{}
		for i := range r.IntN(12) {
			p := Passage{Chunk: i, Text: said(), Title: said(), Score: 1 - float64(i)*r.Float64()*0.01}
			in = append(in, p)
			distinct[p.Text] = true
		}
		query := said()
		got := Rank(query, in, Fused)
		if len(got) != len(distinct) {
			t.Fatalf("got %d passages of %d distinct ones", len(got), len(distinct))
		}
		ranks := map[int]bool{}
		for _, p := range got {
			if !distinct[p.Text] || ranks[p.SimilarityRank] || p.SimilarityRank < 1 || p.SimilarityRank > len(got) || p.WordRank > len(got) {
				t.Fatalf("query %q: passage %+v", query, p)
			}
			ranks[p.SimilarityRank] = true
		}
		if diff := cmp.Diff(got, Rank(query, in, Fused)); diff != "" {
			t.Fatalf("differs the second time:\n%s", diff)
		}
	}
}

func TestMerge(t *testing.T) {
	chunk := func(document string, n int, text string) Passage {
		return Passage{DocumentID: document, Chunk: n, Text: text, Words: []string{text[:1]}}
	}
	got := merge([]Passage{
		chunk("a", 3, "delta and so on."),
		chunk("b", 4, "other"),
		chunk("a", 2, "gamma says more. delta and so on"),
		chunk("a", 5, "far"),
		chunk("a", 1, "beta ends."),
	})
	want := []Passage{
		{DocumentID: "a", Chunk: 1, Chunks: 3, Text: "beta ends.\n\ngamma says more. delta and so on.", Words: []string{"b", "g", "d"}},
		{DocumentID: "b", Chunk: 4, Chunks: 1, Text: "other", Words: []string{"o"}},
		{DocumentID: "a", Chunk: 5, Chunks: 1, Text: "far", Words: []string{"f"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Chunks of 400 tokens, which these are, take at most 3 ms a hundred.
func BenchmarkRank(b *testing.B) {
	for language, sample := range map[string]string{
		"English": "The plan pays for a physical therapy session after the deductible is met, and you owe a copayment of 40 dollars for each visit. ",
		"German":  "Die Versicherung übernimmt nach Abzug der Selbstbeteiligung die Kosten für höchstens dreißig ärztlich verordnete Behandlungen. ",
		"Chinese": "在达到免赔额之后，保险计划支付物理治疗的费用，您每次就诊需要支付四十美元的共付额。",
		"Hindi":   "कटौती योग्य राशि पूरी होने के बाद योजना भौतिक चिकित्सा सत्र के लिए भुगतान करती है। ",
		"Thai":    "แผนประกันจะจ่ายค่ากายภาพบำบัดหลังจากที่คุณจ่ายค่าเสียหายส่วนแรกครบแล้ว ",
	} {
		text := sample
		for chunk.Count(text) < 400 {
			text += sample
		}
		var passages []Passage
		for i := range searchSize {
			passages = append(passages, Passage{Text: fmt.Sprint(i, text), Score: 1 / float64(i+2)})
		}
		for _, by := range []Ranking{Similarity, Fused} {
			b.Run(fmt.Sprintf("%s/%s", language, by), func(b *testing.B) {
				for b.Loop() {
					Rank(sample, passages, by)
				}
			})
		}
	}
}

// Retrieve asks for more than it gives, and gives what its options say.
func TestRetrieveRanks(t *testing.T) {
	passages := []Passage{
		{DocumentID: "a", Chunk: 0, Text: "plans", Score: 0.55},
		{DocumentID: "a", Chunk: 1, Text: "claims", Score: 0.54},
		{DocumentID: "b", Chunk: 0, Text: "glasses", Score: 0.53},
		{DocumentID: "c", Chunk: 0, Text: "glasses", Score: 0.52},
		{DocumentID: "b", Chunk: 1, Text: "dentists", Score: 0.51},
	}
	for _, test := range []struct {
		name string
		q    Query
		want string
	}{
		{"fused by default", Query{TopK: 2}, "glasses | plans"},
		{"by similarity", Query{TopK: 2, Rank: Similarity}, "plans | claims"},
		{"merged", Query{TopK: 4, Merge: true}, "glasses\n\ndentists | plans\n\nclaims"},
	} {
		test.q.Text = "glasses"
		s := &store{found: slices.Clone(passages)}
		got, err := Retrieve(t.Context(), "t", test.q, &embedder{model: "m"}, s)
		if err != nil {
			t.Fatal(err)
		}
		if saying(got.Passages) != test.want {
			t.Errorf("%s: got %q, want %q", test.name, saying(got.Passages), test.want)
		}
	}
	s := &store{found: []Passage{{Text: "x", Score: 1.0000002}, {Text: "y", Score: -1.0000002}}}
	got, err := Retrieve(t.Context(), "t", Query{Text: "q", TopK: 2}, &embedder{model: "m"}, s)
	if err != nil || got.Passages[0].Score != 1 || got.Passages[1].Score != -1 {
		t.Errorf("got %+v, %v: want scores within -1 and 1", got.Passages, err)
	}
}
