package chunk

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// meter tells how far a number of tokens reaches. It tokenizes each part of the text once,
// and only when it is asked about it. It is not exact: a range that starts or ends inside
// a token, or spans two blocks, may have a few tokens more or fewer.
type meter struct {
	text      string
	tokenized int   // bytes of the text that are tokenized
	ends      []int // offsets at which tokens end, ascending, without the forgotten ones
}

// meterBlock is how many bytes are tokenized at once where there is no tokenBoundary. The
// codec takes n log n for a word of n bytes.
const meterBlock = 4 << 10

// reach is the offset at which the n-th token after from ends.
func (m *meter) reach(from, n int) int {
	if n <= 0 {
		return from
	}
	for {
		i := sort.SearchInts(m.ends, from+1) + n - 1
		if i < len(m.ends) {
			return m.ends[i]
		}
		if m.tokenized == len(m.text) {
			return len(m.text)
		}
		m.fill()
	}
}

// forget frees the tokens that end before an offset.
func (m *meter) forget(before int) {
	if i := sort.SearchInts(m.ends, before+1); i > len(m.ends)/2 {
		m.ends = append(m.ends[:0], m.ends[i:]...)
	}
}

func (m *meter) fill() {
	rest := m.text[m.tokenized:]
	n := tokenBoundary(rest[:min(meterBlock, len(rest))], blockSize)
	if i := runeStart(rest, n); i > 0 {
		n = i
	}
	_, tokens, err := vocabulary().Encode(replaceDEL(sameLength(rest[:n])))
	if err != nil {
		tokens = strings.Split(rest[:n], "") // as in Count: too many tokens are safe
	}
	at := m.tokenized
	for _, t := range tokens {
		at += len(t)
		m.ends = append(m.ends, at)
	}
	m.tokenized += n
}

// sameLength replaces each invalid byte by a question mark. The codec would replace it by
// the three bytes of U+FFFD, and offsets would be wrong.
func sameLength(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	b := []byte(s)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			b[i] = '?'
		}
		i += n
	}
	return string(b)
}

// runeStart is the start of the character that the byte at i belongs to; i where it belongs
// to no valid one.
func runeStart(s string, i int) int {
	for j := i; j >= 0 && j > i-utf8.UTFMax; j-- {
		if j == len(s) || utf8.RuneStart(s[j]) {
			if _, n := utf8.DecodeRuneInString(s[j:]); j+n > i {
				return j
			}
			break
		}
	}
	return i
}
