package openai

import (
	"fmt"
	"strings"
)

// What the stand-in answers when it cannot quote.
const (
	unknownReply = "I do not know: the passages do not say."
	plainReply   = "I am a stand-in for a chat model. I answer questions from passages, with their own sentences, " +
		"and here are none. You said: “%s”"
)

// reply returns the stand-in's reply to a conversation. It can answer a question from
// passages, and rewrite a question. It follows no other instructions, neither in
// passages nor elsewhere.
func reply(conversation []message) string {
	var system string
	var turns []message
	for _, m := range conversation {
		switch m.role {
		case "system", "developer":
			system += m.text + "\n"
		default:
			turns = append(turns, m)
		}
	}
	last := -1
	for i, m := range turns {
		if m.role == "user" {
			last = i
		}
	}
	if last < 0 {
		return fmt.Sprintf(plainReply, "")
	}
	a := readPassages(turns[last].text)
	switch {
	case len(a.passages) > 0:
		return quote(a)
	case isRewriting(system):
		return rewrite(turns[:last], a.question)
	}
	return fmt.Sprintf(plainReply, shorten(plainText(a.question)))
}

// shorten returns the beginning of a text.
func shorten(text string) string {
	const most = 200
	for i := range text {
		if i >= most {
			return text[:i] + "…"
		}
	}
	return text
}

// quote returns the statements that match the question best, each with the marker of
// its passage.
func quote(a inquiry) string {
	all := statements(a.passages)
	var out []string
	for _, i := range bestStatements(a.question, all) {
		text := strings.TrimRight(all[i].text, ":;, ")
		// The marker stands before the full stop, as in "It is $5 [1]."
		end := ""
		if sentence, ok := strings.CutSuffix(text, "."); ok {
			text = sentence
			end = "."
		}
		out = append(out, fmt.Sprintf("%s [%d]%s", text, a.passages[all[i].passage].number, end))
	}
	if len(out) == 0 {
		return unknownReply
	}
	return strings.Join(out, " ")
}
