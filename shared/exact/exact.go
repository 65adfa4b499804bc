// Package exact reads JSON that can be read in one way only: names are compared exactly,
// and no name may occur twice. encoding/json takes "AccountID" for accountId, takes the
// last of two, and takes null for anything. A gateway or a log that reads the same bytes
// may see something else.
//
// A mistake is a fault of kind Invalid that names the field by its path.
package exact

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Member is a name and its value in a JSON object.
type Member struct {
	Name string
	Raw  json.RawMessage
}

// Members returns the members of a JSON object in their order, and the first name that
// occurs twice, or "". The error means that raw is not a JSON object.
func Members(raw json.RawMessage) (all []Member, duplicate string, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, "", errors.New("no object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, "", err
		}
		name, ok := t.(string)
		if !ok {
			return nil, "", errors.New("no name")
		}
		m := Member{Name: name}
		if err := d.Decode(&m.Raw); err != nil {
			return nil, "", err
		}
		if seen[name] && duplicate == "" {
			duplicate = name
		}
		seen[name] = true
		all = append(all, m)
	}
	return all, duplicate, nil
}

// Printable makes a name that a client sent safe to show: it is cut to 64 bytes, and quoted
// where it is empty or has other than printable ASCII characters.
func Printable(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "..."
	}
	if q := strconv.QuoteToASCII(name); name == "" || q != `"`+name+`"` {
		return q
	}
	return name
}

// Path is the path of a member, whose name a client sent, of the object at path.
func Path(path, name string) string { return join(path, Printable(name), "") }

// join is the path of a member of the object at path. Where both are empty it is whole,
// which names the outermost object.
func join(path, name, whole string) string {
	switch {
	case path == "" && name == "":
		return whole
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "." + name
}
