package chunk_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/chunk"
)

func TestSentences(t *testing.T) {
	h := func(text string) chunk.Sentence { return chunk.Sentence{Text: text, Heading: true} }
	s := func(text string) chunk.Sentence { return chunk.Sentence{Text: text} }
	tests := []struct {
		name, text string
		want       []chunk.Sentence
	}{
		{"nothing", " \n\t ", nil},
		{"one", "No full stop", []chunk.Sentence{s("No full stop")}},
		{"prose", " It is 3.5 % for Dr. Smith. A line\nthat is wrapped! \"So?\" Yes.\n", []chunk.Sentence{
			s("It is 3.5 % for Dr. Smith."), s("A line\nthat is wrapped!"), s(`"So?"`), s("Yes.")}},
		{"Markdown", "# The title. Part 2\nText\n\n## Next\n- one\n- two. Three.\n\n| a | b |\n|---|---|\n| 1. | 2 |\n", []chunk.Sentence{
			h("# The title. Part 2"), s("Text"), h("## Next"), s("- one"), s("- two."), s("Three."), s("| a | b |"), s("|---|---|"), s("| 1. | 2 |")}},
		{"underlined heading", "Title\n=====\nText.", []chunk.Sentence{h("Title\n====="), s("Text.")}},
		{"Chinese", "等待期是六个月。牙科不同！", []chunk.Sentence{s("等待期是六个月。"), s("牙科不同！")}},
		{"Hindi", "अवधि छह महीने है। यह दंत है।", []chunk.Sentence{s("अवधि छह महीने है।"), s("यह दंत है।")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := slices.Collect(chunk.Sentences(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			var all strings.Builder
			for _, g := range got {
				all.WriteString(g.Text + " ")
			}
			words := func(text string) string { return strings.Join(strings.Fields(text), "") }
			if words(all.String()) != words(tt.text) {
				t.Errorf("the sentences together are %q", all.String())
			}
		})
	}
	for range chunk.Sentences("One. Two.") {
		break // a caller may stop
	}
}
