// Package words finds the words of a text in any language, in the form in which they are
// compared.
//
// It uses only Unicode's properties of characters: which are letters, marks or digits,
// which scripts put no space between words, and which characters are compatible. It has no
// dictionary, and no language's endings.
package words

import (
	"iter"
	"unicode"
	"unicode/utf8"
)

// Run is a stretch of letters, marks and digits, folded: see Fold.
type Run struct {
	Text       []byte // valid until the next run; not empty
	Start, End int    // its bytes in the text, which it was folded from
	// Unspaced says that the script puts no space between words, so that the run is
	// a phrase. Characters of scripts with and without spaces never share a run.
	Unspaced bool
}

// Runs returns a text's runs in their order.
func Runs(text string) iter.Seq[Run] {
	return func(yield func(Run) bool) {
		var buffer []byte
		for i := 0; i < len(text); {
			start, end, dense, ascii := findRun(text, i)
			if i = end; start == end {
				return
			}
			if buffer = fold(buffer[:0], text[start:end], ascii); len(buffer) == 0 {
				continue // marks without a letter
			}
			if !yield(Run{buffer, start, end, dense}) {
				return
			}
		}
	}
}

// Terms returns the terms by which two texts are compared. In a script with spaces a word is
// a term. In a script without, each pair of adjacent characters is one, or a character
// that stands alone. Korean counts as a script without spaces, since it appends particles
// to its words. A term is valid until the next one.
func Terms(text string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for r := range Runs(text) {
			if !r.Unspaced {
				if !yield(r.Text) {
					return
				}
				continue
			}
			for pair := range Pairs(r.Text) {
				if !yield(pair) {
					return
				}
			}
		}
	}
}

// Pairs returns each pair of adjacent characters of a run, or the run where it has only one
// character. Marks belong to the letter or digit before them.
func Pairs(run []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		first := 0
		second := nextCharacter(run, 0)
		if second == len(run) {
			yield(run)
			return
		}
		for second < len(run) {
			end := nextCharacter(run, second)
			if !yield(run[first:end]) {
				return
			}
			first, second = second, end
		}
	}
}

// nextCharacter is the start of the character after the one at i.
func nextCharacter(run []byte, i int) int {
	_, n := utf8.DecodeRune(run[i:])
	for i += n; i < len(run); i += n {
		var r rune
		if r, n = utf8.DecodeRune(run[i:]); kindOf(r) != mark {
			break
		}
	}
	return i
}

// findRun finds the first run from i on; start is end where there is none. ascii tells that
// all of it is ASCII.
func findRun(text string, i int) (start, end int, dense, ascii bool) {
	start = len(text)
	end = len(text)
	ascii = true
	for n := 0; i < len(text); i += n {
		var k kind
		if c := text[i]; c < utf8.RuneSelf {
			n = 1
			k = characterTable().kinds[c]
		} else {
			var r rune
			r, n = utf8.DecodeRuneInString(text[i:])
			k = kindOf(r)
		}
		started := start < len(text)
		switch {
		case !started && k == none:
			continue
		case !started:
			start, dense = i, k == unspaced
		case k == none || k == unspaced != dense && k != mark:
			return start, i, dense, ascii
		}
		ascii = ascii && n == 1
	}
	return start, end, dense, ascii
}

type kind uint8

const (
	none     kind = iota // between words
	spaced               // a letter of a script with spaces, or a digit
	unspaced             // a letter of a script without spaces, or of Korean
	mark                 // belongs to the letter before it
)

// unspacedScripts are the scripts without spaces between words, and Korean.
var unspacedScripts = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue,
	unicode.Tai_Tham, unicode.Tai_Viet, unicode.Javanese, unicode.Balinese, unicode.Ahom,
}

// Japanese characters that belong to no single script, since both kana use them: the sign
// of a long vowel, in full and half width, and the half-width voicing marks.
const (
	longVowel     = 'ー'
	halfLongVowel = 'ｰ'
	halfVoiced    = 'ﾞ'
	halfPlosive   = 'ﾟ'
)

func kindOf(r rune) kind {
	switch {
	case r < tableSize:
		return characterTable().kinds[r]
	case isCommon(r):
		return unspaced
	}
	return findKind(r)
}

// isCommon reports whether a character is in the main block of ideographs or of Korean
// syllables, which most texts in these scripts use. None of them folds into another.
func isCommon(r rune) bool { return r >= 0x4E00 && r <= 0x9FFF || r >= 0xAC00 && r <= 0xD7A3 }

func findKind(r rune) kind {
	switch {
	case unicode.Is(unicode.M, r), r == halfVoiced, r == halfPlosive:
		return mark
	case r < 0x0E00: // below Thai all scripts have spaces
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return spaced
		}
		return none
	case unicode.IsNumber(r):
		return spaced
	case !unicode.IsLetter(r):
		return none
	case isCommon(r), r == longVowel, r == halfLongVowel, unicode.In(r, unspacedScripts...):
		return unspaced
	}
	return spaced
}
