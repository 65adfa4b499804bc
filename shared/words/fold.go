package words

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold gives a word in the form in which it is compared: in lower case, without
// accents and vowel points, and the same however its characters were composed
// (Unicode's compatibility forms: NFC, NFD, full width).
func Fold(word string) string { return string(fold(nil, word, false)) }

// fold appends a word, folded; plain says that it is of ASCII alone.
func fold(to []byte, word string, ascii bool) []byte {
	if ascii {
		for i := range len(word) {
			c := word[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			to = append(to, c)
		}
		return to
	}
	start := len(to)
	composes := false // composing costs more than all the rest
	t := characterTable()
	before := uint8(0)
	for _, r := range word {
		switch {
		case r < tableSize:
			if len(t.folded[r]) > 0 {
				to = append(to, t.folded[r]...)
				composes = composes || t.joins[r] || t.first[r] != 0 && t.first[r] < before
				before = t.last[r]
			}
		case isCommon(r):
			to = utf8.AppendRune(to, r)
			before = 0
		default:
			to = append(to, foldRune(r)...)
			composes = true
		}
	}
	if composes { // with the letter before
		return norm.NFC.AppendString(to[:start], string(to[start:]))
	}
	return to
}

// tableSize is the first character that the table does not have. It has those of all
// scripts but the ideographs, kana and Korean, and some that are rare.
const tableSize = 0x2000

type characters struct {
	kinds  [tableSize]kind
	folded [tableSize][]byte
	joins  [tableSize]bool // it may become one with what is before it: parts of Korean syllables, some Indic signs
	// The combining classes of the folded form's first and last character, by which
	// marks after one letter are ordered.
	first, last [tableSize]uint8
}

// characterTable is made on first use: it takes some milliseconds.
var characterTable = sync.OnceValue(func() *characters {
	t := new(characters)
	for r := range rune(tableSize) {
		t.kinds[r] = findKind(r)
		f := foldRune(r)
		t.folded[r] = f
		t.joins[r] = norm.NFC.QuickSpan(f) < len(f)
		if len(f) > 0 {
			_, n := utf8.DecodeLastRune(f)
			t.first[r] = norm.NFC.Properties(f).CCC()
			t.last[r] = norm.NFC.Properties(f[len(f)-n:]).CCC()
		}
	}
	return t
})

func foldRune(r rune) []byte {
	var out []byte
	for _, r := range norm.NFKD.String(string(r)) {
		if isOmittedMark(r) {
			continue
		}
		if r = unicode.ToLower(r); r == 'ß' {
			out = append(out, "ss"...)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return norm.NFC.Bytes(out)
}

// isOmittedMark reports whether a mark is one that writers leave out: an accent (its
// combining class is 200 or more), or a vowel point of Hebrew, Arabic or Syriac
// (10 to 36). The signs of Indic and of South East Asian vowels are letters in
// all but name, and have other classes.
func isOmittedMark(r rune) bool {
	if !unicode.Is(unicode.M, r) {
		return false
	}
	class := norm.NFD.PropertiesString(string(r)).CCC()
	return class >= 200 || 10 <= class && class <= 36
}
