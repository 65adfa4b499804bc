package metadata

import (
	"cmp"
	"encoding/json"
	"strings"

	"ragtime/shared/fault"
)

// Kind is the type of a value.
type Kind byte

// The kinds.
const (
	Text Kind = iota
	Number
	Boolean
)

// Value is a string, a number or a boolean. Two values are equal by == exactly if they are
// equal in JSON; a string never equals a number. The zero value is the empty string.
type Value struct {
	kind    Kind
	text    string  // of kind Text
	number  decimal // of kind Number
	boolean bool    // of kind Boolean
}

// String makes a string. A string that is not UTF-8 is not stored as it is.
func String(s string) Value { return Value{kind: Text, text: s} }

// Bool makes a boolean.
func Bool(b bool) Value { return Value{kind: Boolean, boolean: b} }

// Decimal makes a number from its decimal notation, with or without an exponent. ok is false
// if the text is no number, has more than 38 significant digits, or if its absolute value
// is not 0 and not from 1e-130 to below 1e126.
func Decimal(s string) (v Value, ok bool) {
	d, ok := parseDecimal(s)
	return Value{kind: Number, number: d}, ok
}

// Kind returns the value's type.
func (v Value) Kind() Kind { return v.kind }

// Text returns the string of a Text; "" for other kinds.
func (v Value) Text() string { return v.text }

// Bool returns the value of a Boolean; false for other kinds.
func (v Value) Bool() bool { return v.boolean }

// Decimal returns the notation of a Number, which equal numbers share; "0" for other kinds.
func (v Value) Decimal() string { return v.number.String() }

// Equal is ==, for packages that compare by a method of this name.
func (v Value) Equal(w Value) bool { return v == w }

// Compare orders two strings by code points, or two numbers: order is negative, 0 or
// positive. ok is false for other values, which have no order.
func (v Value) Compare(w Value) (order int, ok bool) {
	switch {
	case v.kind == Text && w.kind == Text:
		return strings.Compare(v.text, w.text), true // the order of UTF-8 is that of code points
	case v.kind == Number && w.kind == Number:
		return v.number.compare(w.number), true
	}
	return 0, false
}

// Read reads a value from JSON. path is the value's, for faults.
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

// compareSize compares absolute values. Digits are those of a fraction, so they compare as
// strings.
func (d decimal) compareSize(e decimal) int {
	if d.digits == "" || e.digits == "" {
		return cmp.Compare(len(d.digits), len(e.digits))
	}
	return cmp.Or(cmp.Compare(d.exp, e.exp), strings.Compare(d.digits, e.digits))
}
