// Package textfile decides which of a person's files are put, and with which id and
// title. The command line and the page share it.
package textfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxID is the longest id that a document may have, in bytes.
const maxID = 128

// ID returns the document id for a path whose parts are separated by slashes. No two
// paths share an id, and PathOf gives the path of an id.
//
// Letters, digits and ._- stay, a slash becomes ~, and any other byte becomes ~~ and
// two hex digits. An id that would be longer than maxID is cut and ends in ~~~~ and a
// hash of the path; it cannot be read back.
func ID(path string) string {
	var id strings.Builder
	for _, b := range []byte(path) {
		switch {
		case b == '/':
			id.WriteByte('~')
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', strings.IndexByte("._-", b) >= 0:
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

// PathOf returns the path that ID made an id of. It reports false if id was not made
// by ID, or was cut.
func PathOf(id string) (string, bool) {
	var path strings.Builder
	for i := 0; i < len(id); {
		tildes := len(id[i:]) - len(strings.TrimLeft(id[i:], "~"))
		switch {
		case tildes == 0:
			path.WriteByte(id[i])
			i++
		case tildes == 1 || tildes == 3: // a slash, alone or before an escape
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
