// Package exact reads JSON so that it means one thing: names are compared exactly,
// and none may occur twice. encoding/json takes "AccountID" for accountId, the last
// of two, and null for anything; a gateway or a log that reads the same bytes may
// see something else.
//
// Mistakes are faults of kind Invalid that name the field, with its path.
package exact

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Member is a name and a value of a JSON object.
type Member struct {
	Name string
	Raw  json.RawMessage
}

// Members gives a JSON object's members in their order, and the first name that
// occurs twice. An error says that it is no JSON object.
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

// Printable makes a name that a client sent fit to be shown: short, and quoted
// where it is empty or has anything but plain characters.
func Printable(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "..."
	}
	if q := strconv.QuoteToASCII(name); name == "" || q != `"`+name+`"` {
		return q
	}
	return name
}

// Path is the path of a name that a client sent within an object whose path is given.
func Path(path, name string) string { return join(path, Printable(name), "") }

// join is the path of a name within an object; whole stands for the outermost one.
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
