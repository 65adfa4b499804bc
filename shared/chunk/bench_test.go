package chunk

import (
	"strings"
	"testing"

	"github.com/tiktoken-go/tokenizer/codec"
)

const megabytes = 10

func BenchmarkSplit(b *testing.B) {
	prose := "## What you can appeal\n\nIf we refuse to pay for care, you can ask us to look again. That is an appeal.\n\n" +
		"- a claim denied in whole or part\n- a prior authorization that was refused, or approved for less than your doctor asked\n\n"
	for _, bm := range []struct{ name, unit string }{
		{"prose", prose}, {"one word", "a"}, {"spaces", " "}, {"lines", "\n"}, {"Chinese", "健康保険"}, {"emoji", "😀"}, {"marks", "#"},
		{"letters", "a "}, {"headings", "# a\n"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			text := strings.Repeat(bm.unit, megabytes<<20/len(bm.unit))
			vocabulary()
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				Split(text, Options{})
			}
		})
	}
}

func BenchmarkCount(b *testing.B) {
	text := strings.Repeat("A claim denied in whole or part. ", 50) // 400 tokens
	vocabulary()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Count(text)
	}
}

// Only the first use in a process builds the vocabulary: run it with -benchtime=1x.
func BenchmarkVocabulary(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		codec.NewCl100kBase()
	}
}
