package words

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold returns a word in the form in which words are compared: lower case, without accents
// and vowel points, and with characters that Unicode calls compatible made equal (composed
// and decomposed, full and half width).
func Fold(word string) string { return string(fold(nil, word, false)) }

// fold appends a folded word. ascii says that all of the word is ASCII.
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
	composes := false // whether composing may change the result, which costs more than the rest
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
	if composes {
		return norm.NFC.AppendString(to[:start], string(to[start:]))
	}
	return to
}

// tableSize is the first character that is not in the table. All scripts are in it but
// ideographs, kana, Korean and some rare ones.
const tableSize = 0x2000

type characters struct {
	kinds  [tableSize]kind
	folded [tableSize][]byte
	joins  [tableSize]bool // may be composed with the character before it
	// The combining classes of the first and last character of the folded form. Unicode
	// orders the marks of a letter by them.
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

// isOmittedMark reports whether a mark is one that writers often leave out: an accent
// (combining class 200 or more), or a vowel point of Hebrew, Arabic or Syriac (10 to 36).
// Vowel signs of Indic and South East Asian scripts have other classes. They stay, since
// writers do not leave them out.
func isOmittedMark(r rune) bool {
	if !unicode.Is(unicode.M, r) {
		return false
	}
	class := norm.NFD.PropertiesString(string(r)).CCC()
	return class >= 200 || 10 <= class && class <= 36
}
