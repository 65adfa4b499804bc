package words

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

func terms(text string) (out []string) {
	for t := range Terms(text) {
		out = append(out, string(t))
	}
	return out
}

func TestTerms(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", " \n—…\u0301", ""},
		{"English", "Don't PAY $1,200!", "don t pay 1 200"},
		{"German", "Straße, Äpfel", "strasse apfel"},
		{"French", "l'École", "l ecole"},
		{"Greek", "Ἀθήνα", "αθηνα"},
		{"Russian", "Ёлка", "елка"},
		{"Turkish", "DIŞ", "dis"},
		{"Arabic, with and without vowel points", "كِتَاب كتاب", "كتاب كتاب"},
		{"Hebrew points", "שָׁלוֹם", "שלום"},
		{"Hindi keeps its vowels", "स्वास्थ्य बीमा", "स्वास्थ्य बीमा"},
		{"Chinese", "健康保险。", "健康 康保 保险"},
		{"one character", "猫", "猫"},
		{"Japanese, both kana", "データを", "デー ータ タを"},
		{"half width", "ﾃﾞｰﾀ", "デー ータ"},
		{"full width", "ＡＢ１２", "ab12"},
		{"Korean", "보험금은", "보험 험금 금은"},
		{"Thai keeps tone marks with their letter", "ดื่มที่", "ดื่ม มที่"},
		{"mixed", "iPhone手机3G", "iphone 手机 3g"},
		{"an apostrophe of typography", "member’s", "member s"},
	} {
		got := strings.Join(terms(test.text), " ")
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	for _, text := range []string{"การประกันสุขภาพ", "ປະກັນສຸຂະພາບ", "ធានារ៉ាប់រងសុខភាព", "ကျန်းမာရေးအာမခံ"} {
		if got := terms(text); len(got) < 4 {
			t.Errorf("%q: got %q, want pairs of characters", text, got)
		}
	}
}

// A text has the same terms, composed or decomposed.
func TestTermsOfEveryNormalForm(t *testing.T) {
	text := "Éclair Ångström Việt Nam がぎぐ 한국어 क़लम Ελλάδα йод ﬁnance"
	want := terms(text)
	for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
		if diff := cmp.Diff(want, terms(form.String(text))); diff != "" {
			t.Errorf("form %d (-want +got):\n%s", form, diff)
		}
	}
}

func FuzzTerms(f *testing.F) {
	f.Add("Ünï健康 \xff\u0301a")
	f.Fuzz(func(t *testing.T, text string) {
		for _, term := range terms(text) {
			if term == "" || len(term) > 18*len(text) { // U+FDFA alone is a sentence
				t.Fatalf("%q: got term %q", text, term)
			}
		}
	})
}
