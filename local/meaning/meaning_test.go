package meaning

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func cosine(a, b string) float64 {
	x, _ := Of(a)
	y, _ := Of(b)
	var xy, xx, yy float64
	for i := range x {
		xy += x[i] * y[i]
		xx += x[i] * x[i]
		yy += y[i] * y[i]
	}
	return xy / math.Sqrt(xx*yy)
}

func TestFiles(t *testing.T) {
	if n := strings.Count(pieces, "\n"); n*pieceBytes != len(vectors) || n < 29_000 {
		t.Errorf("%d pieces, %d bytes of vectors: want %d a piece", n, len(vectors), pieceBytes)
	}
	if size := len(pieces) + len(vectors); size >= 8_000_000 {
		t.Errorf("the model has %d bytes, want less than 8 MB", size)
	}
}

// Words without a letter in common are near where they mean nearly the same.
func TestMeanings(t *testing.T) {
	for _, test := range []struct{ word, near, far string }{
		{"doctor", "physician", "spoon"},
		{"car", "vehicle", "poem"},
		{"pills", "medication", "invoice"},
		{"newborn", "baby", "engine"},
		{"we drove to the clinic", "they went by car to a hospital", "the court fined the bank"},
	} {
		if near, far := cosine(test.word, test.near), cosine(test.word, test.far); near < far+0.15 {
			t.Errorf("%q: %.2f to %q, %.2f to %q", test.word, near, test.near, far, test.far)
		}
	}
}

func TestKnown(t *testing.T) {
	for text, most := range map[string]float64{
		"":     0,
		"健康保险": 0,
		"स्वास्थ्य बीमा योजना":                                 0.01,
		"Wie hoch ist die Selbstbeteiligung der Versicherten?": 0.6,
	} {
		if _, known := Of(text); known > most {
			t.Errorf("%q: %.2f of its words are known, want at most %.2f", text, known, most)
		}
	}
	if _, known := Of("How high is the deductible of my health plan?"); known < 0.85 {
		t.Errorf("%.2f of an English question's words are known", known)
	}
}

func TestCut(t *testing.T) {
	v := vocabulary()
	lines := strings.Split(pieces, "\n")
	for word, want := range map[string][]string{
		"health":      {"health"},
		"deductibles": {"de", "##du", "##ct", "##ible", "##s"},
		"\x01":        nil,
		"":            nil,
	} {
		var got []string
		for _, id := range v.split([]byte(word)) {
			got = append(got, lines[id])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	text := strings.Repeat("The plan pays for a physical therapy session after the deductible is met. ", 100)
	for b.Loop() {
		Of(text)
	}
	b.ReportMetric(float64(b.N*1300)/b.Elapsed().Seconds(), "words/s")
}
