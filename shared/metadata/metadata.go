// Package metadata has a document's metadata: values by key, each a string, a number or a
// boolean of JSON.
//
// Numbers are exact decimals of up to 38 digits, as DynamoDB stores them, and not floats.
// Numbers that are equal are equal values: 1, 1.0 and 10e-1.
package metadata

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// The limits of a document's metadata.
const (
	MaxEntries = 20
	MaxKey     = 64  // characters
	MaxString  = 512 // characters
)

// Map is a document's metadata.
type Map map[string]Value

// ReadExact implements exact.Reader: it reads a JSON object of values.
func (m *Map) ReadExact(path string, raw json.RawMessage) error {
	members, duplicate, err := exact.Members(raw)
	if err != nil {
		return fault.InvalidField(path, "must be an object of strings, numbers and booleans")
	}
	if duplicate != "" {
		return fault.InvalidField(path, "must not have a key twice")
	}
	*m = make(Map, len(members))
	for _, member := range members {
		// A bad key is refused before it becomes part of a path.
		if err := CheckKey(path, member.Name); err != nil {
			return err
		}
		v, err := Read(exact.Path(path, member.Name), member.Raw)
		if err != nil {
			return err
		}
		(*m)[member.Name] = v
	}
	return nil
}

// Check refuses metadata over the limits, and strings that are not text: see isText. path is
// that of the metadata, for faults.
func (m Map) Check(path string) error {
	if len(m) > MaxEntries {
		return fault.InvalidField(path, "must have at most %d entries, not %d", MaxEntries, len(m))
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if err := CheckKey(path, k); err != nil {
			return err
		}
		if err := m[k].Check(exact.Path(path, k)); err != nil {
			return err
		}
	}
	return nil
}

// CheckKey refuses a text that cannot be a key. path is that of the metadata.
func CheckKey(path, key string) error {
	if key == "" {
		return fault.InvalidField(path, "must not have an empty key")
	}
	if n := utf8.RuneCountInString(key); n > MaxKey {
		return fault.InvalidField(path, "must not have a key of more than %d characters", MaxKey)
	}
	if !isText(key) {
		return fault.InvalidField(path, "must not have a key with a NUL character, or one that is not valid UTF-8")
	}
	return nil
}

// Check refuses a string that is over the limit or not text. path is the value's.
func (v Value) Check(path string) error {
	if v.kind != Text {
		return nil
	}
	if n := utf8.RuneCountInString(v.text); n > MaxString {
		return fault.InvalidField(path, "must have at most %d characters, not %d", MaxString, n)
	}
	if !isText(v.text) {
		return fault.InvalidField(path, "must be valid UTF-8 without U+FFFD and NUL characters")
	}
	return nil
}

// isText tells whether a string is valid UTF-8 without NUL, and was not damaged before:
// gateways and decoders replace invalid bytes by U+FFFD.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsAny(s, "\ufffd\x00")
}
