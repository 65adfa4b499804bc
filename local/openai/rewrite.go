package openai

import (
	"slices"
	"strings"
	"unicode"
)

// isRewriting reports whether a system prompt asks to rewrite a question so that it can
// be understood without the conversation before it.
func isRewriting(system string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(system)), "rewrite ") && strings.Contains(system, "question")
}

const (
	selfContained = 4 // content words of a question that needs no rewriting
	mostAdded     = 6 // words to add from earlier turns
)

// commonWords are English words that do not say what a question is about. In other
// languages only the length of a word decides.
var commonWords = strings.Fields(`about after also another around because been before being between both could does doing done each else even ever every
	find from give goes going have having help here into it's just know like long make many more most much must need only other over please same should
	some still such take tell than that that's their them then there these they thing this those through under until very want well were what what's when where
	whether which while will with within without would your yours thanks thank okay`)

// rewrite adds to a question the content words of the user's earlier turns that it
// lacks, those of the latest turn first.
func rewrite(before []message, question string) string {
	own := contentWords(question)
	if len(own) >= selfContained {
		return question
	}
	var added []string
	for _, m := range slices.Backward(before) {
		if m.role != "user" {
			continue
		}
		for _, w := range contentWords(m.text) {
			same := func(other string) bool { return strings.EqualFold(w, other) }
			if len(added) < mostAdded && !slices.ContainsFunc(own, same) && !slices.ContainsFunc(added, same) {
				added = append(added, w)
			}
		}
	}
	if len(added) == 0 {
		return question
	}
	return question + " (" + strings.Join(added, " ") + ")"
}

// contentWords returns the words that say what a text is about.
func contentWords(text string) (out []string) {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && r != '\'' && r != '’' && r != '-'
	}) {
		w = strings.Trim(w, "'’-")
		n := 0
		upper := true
		wide := false
		for _, r := range w {
			n++
			upper = upper && (unicode.IsUpper(r) || unicode.IsNumber(r))
			wide = wide || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
		}
		name := upper && n > 1 // MRI, 30
		if (n >= 4 || name || wide) && !slices.Contains(commonWords, strings.ToLower(w)) {
			out = append(out, w)
		}
	}
	return out
}
