package chunk

import (
	"strings"
	"testing"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// In every script chunks end at the end of a sentence.
func TestSentencesOfEveryScript(t *testing.T) {
	for language, said := range map[string]string{
		"English":           "The plan pays for therapy after the deductible is met. ",
		"German, quoted":    "Sie fragte: „Zahlt die Versicherung die ganze Behandlung?“ ",
		"Hindi":             "योजना कटौती के बाद चिकित्सा के लिए भुगतान करती है। ",
		"Armenian":          "Ծրագիրը վճարում է թերապիայի համար նվազեցումից հետո։ ",
		"Urdu":              "منصوبہ کٹوتی کے بعد علاج کے لیے ادائیگی کرتا ہے۔ ",
		"Arabic":            "هل تدفع الخطة تكاليف العلاج بعد الخصم؟ ",
		"Burmese":           "အစီအစဉ်သည် ကုသမှုအတွက် ပေးချေသည်။ ",
		"Amharic":           "ዕቅዱ ከተቀናሽ በኋላ ለሕክምና ይከፍላል። ",
		"Khmer":             "គម្រោង បង់ប្រាក់ សម្រាប់ ការព្យាបាល។ ",
		"Chinese":           "保险计划在免赔额之后支付治疗费用。",
		"Japanese, quoted":  "彼女は「保険は治療費を払いますか？」と聞いた。",
		"Chinese, no space": "等待期有多长？牙科的等待期是六个月！",
	} {
		text := strings.TrimSpace(strings.Repeat(said, 100))
		chunks := Split(text, Options{})
		checkChunks(t, text, Options{}, chunks)
		if len(chunks) < 3 {
			t.Errorf("%s: got %d chunks, want some", language, len(chunks))
		}
		ends := strings.TrimSpace(said)
		for i, c := range chunks {
			full := false
			for _, end := range []string{ends[len(ends)-9:], "多长？", "ますか？」"} {
				full = full || strings.HasSuffix(c.Text, end)
			}
			if !full {
				t.Errorf("%s: chunk %d of %d ends inside a sentence: ...%q", language, i+1, len(chunks), c.Text[max(0, len(c.Text)-24):])
			}
		}
	}
}

// A word that is longer than a chunk is cut between grapheme clusters.
func TestNoCutInsideACluster(t *testing.T) {
	for name, unit := range map[string]string{
		"flags":          "🇩🇪🇫🇷🇯🇵",
		"families":       "👩🏽‍👩🏽‍👧",
		"keycaps":        "1️⃣2️⃣",
		"accents":        "e\u0301u\u0308",
		"Korean parts":   "\u1112\u1161\u11ab\u1100\u116e\u11a8",
		"Hindi conjunct": "क्षत्रिय",
		"Thai":           "น้ำดื่ม",
	} {
		text := strings.Repeat(unit, 400)
		borders := map[int]bool{0: true}
		for c := graphemes.FromString(text); c.Next(); {
			borders[c.End()] = true
		}
		for i, c := range Split(text, Options{Target: 90, Limit: 110}) {
			if !borders[c.Start] || !borders[c.End] {
				t.Errorf("%s: chunk %d, %d to %d, cuts a character", name, i, c.Start, c.End)
			}
		}
	}
}
