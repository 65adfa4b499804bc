package chunk

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

// vocabulary is built on first use: a function that tokenizes nothing should
// not pay for it at its cold start. It takes 6 ms and 3.5 MB on one 3 GHz core
// (BenchmarkVocabulary), several times that on a small Lambda's share of one.
// The codec package is used directly because tokenizer.Get links all five
// vocabularies, 13 MB more, into the binary.
var vocabulary = sync.OnceValue(codec.NewCl100kBase)

// Count is the number of cl100k_base tokens in a text; special tokens such as
// <|endoftext|> count as the text they are. An invalid byte counts as U+FFFD.
// It may be called from any number of goroutines.
func Count(text string) int {
	n := 0
	for text != "" {
		block := text[:seam(text, countBlock)]
		text = text[len(block):]
		k, err := vocabulary().Count(block)
		if err != nil {
			// The codec fails only on options that are not set here. Were it to,
			// too high is the safe side: no token is shorter than a byte.
			k = len(block)
		}
		n += k
	}
	return n
}

// countBlock bounds memory: the codec makes a slice of 4 bytes a character of
// what it is given, and 20 more a byte of a word that is very long.
const countBlock = 64 << 10

// seam is the first place from byte n on where a text can be cut so that the
// tokens of its parts are those of the whole; the end if there is none.
//
// It is before a space that follows a character other than white space: the
// encoding first splits a text by a regular expression, each of whose matches
// ends there, and none of which looks further ahead.
func seam(text string, n int) int {
	for n < len(text) {
		i := strings.IndexByte(text[n:], ' ')
		if i < 0 {
			break
		}
		n += i
		if r, _ := utf8.DecodeLastRuneInString(text[:n]); n > 0 && !unicode.IsSpace(r) {
			return n
		}
		n++
	}
	return len(text)
}
