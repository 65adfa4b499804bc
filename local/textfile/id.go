// Package textfile says what becomes of a person's file: which files are put, under
// which id, and with which title. The command line and the page go by it alike.
package textfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxID is the longest id that a document may have, in bytes.
const maxID = 128

// ID makes a document's id of a path whose parts are separated by slashes. No two
// paths share one, and a path can be read from it: what an id may have stays, a
// slash becomes ~, and any other byte ~~ and two hex digits. Of a path for which
// that is too long it keeps the beginning, and ~~~~ and a hash tell it from others.
func ID(path string) string {
	var id strings.Builder
	for _, b := range []byte(path) {
		switch {
		case b == '/':
			id.WriteByte('~')
		case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("._-", b) >= 0:
			id.WriteByte(b)
		default:
			fmt.Fprintf(&id, "~~%02X", b)
		}
	}
	if id.Len() <= maxID {
		return id.String()
	}
	sum := sha256.Sum256([]byte(path))
	mark := "~~~~" + hex.EncodeToString(sum[:16])
	return strings.TrimRight(id.String()[:maxID-len(mark)], "~") + mark
}

// PathOf is the path that an id was made of; false if it was not made of one, or
// of one too long to be kept.
func PathOf(id string) (string, bool) {
	var path strings.Builder
	for i := 0; i < len(id); {
		tildes := len(id[i:]) - len(strings.TrimLeft(id[i:], "~"))
		switch {
		case tildes == 0:
			path.WriteByte(id[i])
			i++
		case tildes == 1 || tildes == 3: // before an escape a slash has two more
			path.WriteByte('/')
			i++
		case tildes == 2 && len(id) >= i+4:
			b, err := hex.DecodeString(id[i+2 : i+4])
			if err != nil {
				return "", false
			}
			path.Write(b)
			i += 4
		default:
			return "", false
		}
	}
	return path.String(), true
}
