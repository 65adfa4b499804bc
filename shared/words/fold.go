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
func fold(to []byte, word string, plain bool) []byte {
	if plain {
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
	for _, r := range word {
		if r < tabled {
			to = append(to, table()[r]...)
			continue
		}
		if r >= 0x4E00 && r <= 0x9FFF || r >= 0xAC00 && r <= 0xD7A3 { // Han, Hangul: as they are
			to = utf8.AppendRune(to, r)
			continue
		}
		to = append(to, foldRune(r)...)
	}
	// What stays a mark may compose with the letter before it.
	return norm.NFC.AppendString(to[:start], string(to[start:]))
}

// tabled is the first character that the table does not have. It has those of
// Latin, Greek, Cyrillic, Hebrew and Arabic letters.
const tabled = 0x2000

var table = sync.OnceValue(func() [][]byte {
	t := make([][]byte, tabled)
	for r := range t {
		t[r] = foldRune(rune(r))
	}
	return t
})

func foldRune(r rune) []byte {
	var out []byte
	for _, r := range norm.NFKD.String(string(r)) {
		if left(r) {
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

// left reports whether a mark is one that writers leave out: an accent (its
// combining class is 200 or more), or a vowel point of Hebrew, Arabic or Syriac
// (10 to 36). The signs of Indic and of South East Asian vowels are letters in
// all but name, and have other classes.
func left(r rune) bool {
	if !unicode.Is(unicode.M, r) {
		return false
	}
	class := norm.NFD.PropertiesString(string(r)).CCC()
	return class >= 200 || 10 <= class && class <= 36
}
