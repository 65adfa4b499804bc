// Package metadata is what a document is labelled with: values by key, each a
// string, a number or a boolean, as JSON has them.
//
// Numbers are exact decimals, not floats: what was put is what comes back, up to
// the 38 digits that DynamoDB keeps. Equal numbers are equal values, however they
// were written: 1, 1.0 and 10e-1 are one.
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
		// A key that cannot be is refused before its name is told in a path.
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

// Check refuses what is over the limits, or no text; a fault names the field,
// whose path is given.
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

// CheckKey refuses what cannot be a key.
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

// Check refuses a string that is over the limit, or no text.
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

// isText tells that a string was not damaged on its way: U+FFFD is what gateways and
// decoders put where bytes were no UTF-8.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsAny(s, "\ufffd\x00")
}
