package dynamo

import (
	"strings"
	"unicode/utf8"
)

// maxExpression is DynamoDB's limit to an expression's length in bytes.
const maxExpression = 4096

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // attribute name, function or keyword
	tokenName             // #name
	tokenValue            // :value
	tokenNumber           // list index
	tokenSymbol           // operator or punctuation
)

type token struct {
	kind       tokenKind
	text       string
	start, end int // bytes of the expression
}

// lex cuts an expression into tokens; the last one is always tokenEnd. If a
// byte begins no token, the tokens before it come with bad set to that
// character.
func lex(s string) (tokens []token, bad string) {
	for i := 0; ; {
		for i < len(s) && strings.IndexByte(" \t\r\n", s[i]) >= 0 {
			i++
		}
		if i == len(s) {
			return append(tokens, token{tokenEnd, "<EOF>", i, i}), ""
		}
		t := token{start: i, end: i + 1}
		switch c := s[i]; {
		case c == '#' || c == ':':
			t.kind = tokenName
			if c == ':' {
				t.kind = tokenValue
			}
			t.end = run(s, i+1, isWordByte)
			if t.end == i+1 {
				return append(tokens, token{tokenEnd, "<EOF>", i, i}), first(s[i:])
			}
		case isDigit(c):
			t.kind = tokenNumber
			t.end = run(s, i, isDigit)
		case isWordByte(c):
			t.kind = tokenWord
			t.end = run(s, i, isWordByte)
		case strings.HasPrefix(s[i:], "<>") || strings.HasPrefix(s[i:], "<=") || strings.HasPrefix(s[i:], ">="):
			t.kind, t.end = tokenSymbol, i+2
		case strings.IndexByte("=<>()[],.+-", c) >= 0:
			t.kind = tokenSymbol
		default:
			return append(tokens, token{tokenEnd, "<EOF>", i, i}), first(s[i:])
		}
		t.text = s[t.start:t.end]
		tokens = append(tokens, t)
		i = t.end
	}
}

func run(s string, i int, in func(byte) bool) int {
	for i < len(s) && in(s[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return isDigit(c) || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// first is the first character of s.
func first(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
