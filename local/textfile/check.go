package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Check tells why the file of that name is not to be put as text; nil where it is.
// A file whose ending is none of Endings is put if it is text, but not if that text
// is markup: the words that people look for would be found among tags.
func Check(name string, text []byte) error {
	kind, _, _ := strings.Cut(http.DetectContentType(text), ";")
	encoded := strings.HasPrefix(kind, "text/") || kind == "application/octet-stream" // what is text in some encoding, perhaps
	switch bad := notText(text); {
	case bad >= 0 && bytes.HasPrefix(text, []byte("\xff\xfe")), bad >= 0 && bytes.HasPrefix(text, []byte("\xfe\xff")):
		return errors.New("it is UTF-16, not UTF-8: convert it, as iconv -f utf-16 -t utf-8 does")
	case bad >= 0 && !encoded:
		return fmt.Errorf("it is %s, not text: put its text, as Markdown or plain", kind)
	case bad >= 0:
		return fmt.Errorf("it is not UTF-8 text, at byte %d", bad)
	case !Is(name) && (kind == "text/html" || kind == "text/xml" || kind == "application/pdf"):
		return fmt.Errorf("it is %s, whose markup would be put with its text: put it as Markdown or plain text", kind)
	}
	return nil
}

// notText is the first byte that no UTF-8 text has there; -1 where there is none.
func notText(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == 0 || r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}
