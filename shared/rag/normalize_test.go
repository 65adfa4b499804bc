package rag

import (
	"testing"

	"ragtime/shared/fault"
)

func TestEmbedReadsEveryEditorsText(t *testing.T) {
	put := func(text string) (Document, string, error) {
		s := &store{}
		_, err := Embed(t.Context(), "t", Input{ID: "a", Text: text}, &embedder{model: "m"}, s)
		if err != nil {
			return Document{}, "", err
		}
		return s.document, s.chunks[0].Text, nil
	}
	want, text, err := put("one\ntwo\n\nthree e\u0301")
	if err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{"\ufeffone\r\ntwo\r\n\r\nthree e\u0301", "one\rtwo\r\rthree e\u0301"} {
		got, gotText, err := put(same)
		if err != nil || got.Hash != want.Hash || gotText != text {
			t.Errorf("%q: got chunk %q, hash %s and error %v, want %q and %s", same, gotText, got.Hash, err, text, want.Hash)
		}
	}
	if got, _, _ := put("one\ntwo\n\nthree é"); got.Hash == want.Hash {
		t.Error("the text's composition was changed")
	}
	if _, _, err := put("\ufeff\r\n"); fault.From(err) == nil || fault.From(err).Field != "text" {
		t.Errorf("a text of nothing: got %v, want a fault of text", err)
	}
}
