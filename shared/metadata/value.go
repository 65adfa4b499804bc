package metadata

import (
	"cmp"
	"encoding/json"
	"strings"

	"ragtime/shared/fault"
)

// Kind is what a value is.
type Kind byte

// The kinds.
const (
	Text Kind = iota
	Number
	Boolean
)

// Value is one value. Values that are equal by == are equal as JSON; a string is
// never equal to a number. The zero value is the empty string.
type Value struct {
	kind    Kind
	text    string  // a Text's
	number  decimal // a Number's
	boolean bool    // a Boolean's
}

// String makes a string of s. It must be UTF-8 to come back as it is.
func String(s string) Value { return Value{kind: Text, text: s} }

// Bool makes a boolean.
func Bool(b bool) Value { return Value{kind: Boolean, boolean: b} }

// Decimal makes a number of its decimal notation, with or without an exponent.
// It has at most 38 significant digits, and is 0 or from 1e-130 to below 1e126
// either side of 0: ok tells whether it is such.
func Decimal(s string) (v Value, ok bool) {
	d, ok := parseDecimal(s)
	return Value{kind: Number, number: d}, ok
}

// Kind tells what the value is.
func (v Value) Kind() Kind { return v.kind }

// Text is a Text's string; "" of anything else.
func (v Value) Text() string { return v.text }

// Bool is a Boolean's value; false of anything else.
func (v Value) Bool() bool { return v.boolean }

// Decimal is a Number's notation, the same for equal numbers; "0" of anything else.
func (v Value) Decimal() string { return v.number.String() }

// Equal is ==. It is there for those that compare by a method of this name.
func (v Value) Equal(w Value) bool { return v == w }

// Compare orders two strings, by their characters' code points, or two numbers.
// ok is false for others, which have no order.
func (v Value) Compare(w Value) (order int, ok bool) {
	switch {
	case v.kind == Text && w.kind == Text:
		return strings.Compare(v.text, w.text), true // UTF-8 sorts as code points do
	case v.kind == Number && w.kind == Number:
		return v.number.compare(w.number), true
	}
	return 0, false
}

// Read reads a value from JSON; a fault names the field, whose path is given.
func Read(path string, raw json.RawMessage) (Value, error) {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "true" || text == "false":
		return Bool(text == "true"), nil
	case strings.HasPrefix(text, `"`):
		var s string
		if err := json.Unmarshal(raw, &s); err == nil {
			return String(s), nil
		}
	case text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9'):
		v, ok := Decimal(text)
		if !ok {
			return Value{}, fault.InvalidField(path, "must be a number of at most %d digits, from 1e-130 to 1e126 or 0", maxDigits)
		}
		return v, nil
	}
	return Value{}, fault.InvalidField(path, "must be a string, a number or a boolean")
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case Number:
		return []byte(v.number.String()), nil
	case Boolean:
		return json.Marshal(v.boolean)
	}
	return json.Marshal(v.text)
}

// UnmarshalJSON implements json.Unmarshaler. It takes what Read does.
func (v *Value) UnmarshalJSON(raw []byte) (err error) {
	*v, err = Read("value", raw)
	return err
}

// String is the value as JSON writes it.
func (v Value) String() string {
	raw, _ := v.MarshalJSON() // never fails
	return string(raw)
}

// compare orders decimals.
func (d decimal) compare(e decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	size := d.compareSize(e)
	if d.negative {
		return -size
	}
	return size
}

// compareSize leaves the signs out. Digits are those of a fraction, so they
// compare as strings do.
func (d decimal) compareSize(e decimal) int {
	if d.digits == "" || e.digits == "" {
		return cmp.Compare(len(d.digits), len(e.digits))
	}
	return cmp.Or(cmp.Compare(d.exp, e.exp), strings.Compare(d.digits, e.digits))
}
