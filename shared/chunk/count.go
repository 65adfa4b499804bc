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
// vocabularies, 8 MB more, into the binary.
var vocabulary = sync.OnceValue(codec.NewCl100kBase)

// Count is the number of cl100k_base tokens in a text; special tokens such as
// <|endoftext|> count as the text they are. An invalid byte counts as U+FFFD.
// It may be called from any number of goroutines.
//
// White space that holds several line ends apart from each other ("\n \n") may
// count a token more than OpenAI bills: the codec's regular expression takes
// up to the first line end where it should take up to the last.
func Count(text string) int {
	n := 0
	for text != "" {
		block := text[:tokenBoundary(text, blockSize)]
		text = text[len(block):]
		k, err := vocabulary().Count(replaceDEL(block))
		if err != nil {
			// The codec fails only on options that are not set here. Were it to,
			// too high is the safe side: no token is shorter than a byte.
			k = len(block)
		}
		n += k
	}
	return n
}

// replaceDEL is the text with U+007F, which the codec's pattern leaves out and so loses,
// as another control character, which costs a token as well.
func replaceDEL(text string) string { return strings.ReplaceAll(text, "\x7f", "\x01") }

// blockSize is how much the codec is given at once, in bytes, where the text
// allows. It is small because the codec's time is quadratic in white space with
// many line ends ("\t\n\t\n..." of 64 KB takes it 2 s), and because it makes a
// slice of 4 bytes a character.
const blockSize = 256

// tokenBoundary is the first place from byte n on where a text can be cut so that the
// tokens of its parts are those of the whole; the end if there is none.
//
// The encoding first splits a text by a regular expression. Each of its matches
// ends before a space that follows a character other than white space, and
// after line ends, and none looks further ahead than that.
func tokenBoundary(text string, n int) int {
	for n < len(text) {
		i := strings.IndexAny(text[n:], " \r\n")
		if i < 0 {
			break
		}
		n += i
		if text[n] != ' ' {
			if n++; n < len(text) && text[n] != '\r' && text[n] != '\n' {
				return n
			}
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(text[:n]); n > 0 && !unicode.IsSpace(r) {
			return n
		}
		n++
	}
	return len(text)
}
