package rag

import (
	"strings"
	"testing"
)

// What a passage was found for is what is marked in it.
func TestMarks(t *testing.T) {
	for _, test := range []struct{ name, query, text, want string }{
		{"words", "what does a crown cost", "Crowns cost 50 %; a crown's price.", "[Crowns] [cost] 50 %; [a] [crown]'s price."},
		{"inflected", "Versicherungen", "Die Versicherung zahlt.", "Die [Versicherung] zahlt."},
		{"a short word's longer kin", "fee", "feet and a fee", "feet and a [fee]"},
		{"a plural", "pill", "Pills by mail, and a pillar.", "[Pills] by mail, and a [pillar]."},
		{"accents and capitals", "café", "CAFE\u0301, Café", "[CAFE\u0301], [Café]"},
		{"Chinese", "等待期有多长", "牙科的等待期是六个月", "牙科的[等待期]是六个月"},
		{"one character alone", "水", "水。火", "[水]。火"},
		{"Thai, with marks", "ประกันสุขภาพ", "การประกันภัย", "การ[ประกัน]ภัย"},
		{"Korean", "보험은", "보험이 없다", "[보험]이 없다"},
		{"none", "xyzzy", "nothing", "nothing"},
	} {
		p := Rank(test.query, []Passage{{Text: test.text}}, Fused)[0]
		var got strings.Builder
		at := 0
		for _, s := range Marks(p.Text, p.Words) {
			got.WriteString(p.Text[at:s.Start] + "[" + p.Text[s.Start:s.End] + "]")
			at = s.End
		}
		got.WriteString(p.Text[at:])
		if got.String() != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got.String(), test.want)
		}
	}
}
