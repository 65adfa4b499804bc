package dynamo

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reader takes JSON apart in one pass. A batch of 25 embeddings is 1.5 MB of
// small objects: encoding/json would walk it three times, once to validate,
// once to find each value's end, once to decode.
//
// The first error stays in err and moves the reader to the end; the methods
// then return zero values, so callers check err once. Strings that it returns
// share memory with the text.
type reader struct {
	text string
	at   int
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.at = len(r.text)
}

func (r *reader) malformed(want string) {
	r.fail(malformed("the request is not the expected JSON: want %s at byte %d", want, r.at))
}

func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// peek is the next byte that is not white space, 0 at the end.
func (r *reader) peek() byte {
	r.space()
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}

func (r *reader) word(w string) bool {
	r.space()
	if !strings.HasPrefix(r.text[r.at:], w) {
		return false
	}
	r.at += len(w)
	return true
}

// object calls field with each member's name; field must consume the value.
// Members that are null count as absent, as they do in DynamoDB.
func (r *reader) object(field func(name string)) {
	if !r.take('{') {
		r.malformed("an object")
		return
	}
	for first := true; !r.take('}'); first = false {
		if r.err != nil || !first && !r.take(',') {
			r.malformed(", or }")
			return
		}
		name := r.str()
		if !r.take(':') {
			r.malformed(":")
			return
		}
		if !r.word("null") {
			field(name)
		}
	}
}

// array calls element before each element; element must consume it.
func (r *reader) array(element func()) {
	if !r.take('[') {
		r.malformed("a list")
		return
	}
	for first := true; !r.take(']'); first = false {
		if r.err != nil || !first && !r.take(',') {
			r.malformed(", or ]")
			return
		}
		element()
	}
}

func (r *reader) str() string {
	if !r.take('"') {
		r.malformed("a string")
		return ""
	}
	start, ascii := r.at, true
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.at = i + 1
			s := r.text[start:i]
			if !ascii && !utf8.ValidString(s) {
				r.malformed("UTF-8")
				return ""
			}
			return s
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			r.malformed("a string without control characters")
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.malformed("the end of a string")
	return ""
}

// escaped reads a string with escapes in it; start is after its quote.
func (r *reader) escaped(start int) string {
	for i := start; i < len(r.text); i++ {
		switch r.text[i] {
		case '\\':
			i++
		case '"':
			r.at = i + 1
			token := r.text[start-1 : i+1]
			var s string
			if !utf8.ValidString(token) || json.Unmarshal([]byte(token), &s) != nil {
				r.malformed("a string with valid escapes")
			}
			return s
		}
	}
	r.malformed("the end of a string")
	return ""
}

func (r *reader) boolean() bool {
	if r.word("true") {
		return true
	}
	if !r.word("false") {
		r.malformed("true or false")
	}
	return false
}

func (r *reader) integer() int {
	n, err := strconv.Atoi(r.number())
	if err != nil {
		r.malformed("an integer")
	}
	return n
}

func (r *reader) number() string {
	r.space()
	start := r.at
	for r.at < len(r.text) && strings.IndexByte("+-.0123456789Ee", r.text[r.at]) >= 0 {
		r.at++
	}
	return r.text[start:r.at]
}

// end checks that nothing follows.
func (r *reader) end() {
	if r.peek() != 0 {
		r.malformed("the end")
	}
}

const hexDigits = "0123456789abcdef"

// appendString writes s, which is valid UTF-8, as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
