package chunk

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// meter tells how far a number of tokens reaches, having tokenized each part of
// the text once and only as far as it was asked about. It is nearly exact: a
// range that starts or ends inside a token, or across two of its blocks, may
// really have a few tokens more or fewer.
type meter struct {
	text      string
	tokenized int   // how far the text is tokenized
	ends      []int // where its tokens end, but those forgotten; ascending
}

// meterBlock is how much is tokenized at once at the most, in bytes, should
// there be no seam: the cost of a word without end is n log n in its length.
const meterBlock = 4 << 10

// reach is the offset at which the n tokens after an offset end.
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

// forget frees what is known about the text before an offset.
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
		tokens = strings.Split(rest[:n], "") // as in Count: too many is the safe side
	}
	at := m.tokenized
	for _, t := range tokens {
		at += len(t)
		m.ends = append(m.ends, at)
	}
	m.tokenized += n
}

// sameLength replaces invalid bytes by one byte each, where the codec would
// put the three of U+FFFD and lose the offsets.
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

// runeStart is the start of the character that the byte at i belongs to, or i
// where a valid one would have started too far back.
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
