package exact

import (
	"encoding/json"

	"ragtime/shared/fault"
)

// Object is a JSON object that is read name by name, as far as it is known. What
// is absent or null reads as the zero value; what is of another type does too,
// and is the mistake that Err tells of.
type Object struct {
	Fields  map[string]json.RawMessage // nil where there is no object
	path    string                     // within the outermost object
	mistake *error                     // the first mistake, of the whole
}

// Read gives the outermost object of an event.
func Read(event json.RawMessage) Object {
	o := Object{mistake: new(error)}
	o.read(event)
	return o
}

func (o *Object) read(raw json.RawMessage) {
	members, duplicate, err := Members(raw)
	if err != nil {
		o.Fail("", "must be an object")
		return
	}
	if duplicate != "" {
		o.Fail(duplicate, "must not be given twice")
	}
	o.Fields = make(map[string]json.RawMessage, len(members))
	for _, m := range members {
		o.Fields[m.Name] = m.Raw
	}
}

// Err is the first mistake that was found in the whole of which this is a part.
func (o Object) Err() error { return *o.mistake }

// Fail says what is wrong with a name's value. The first mistake counts.
func (o Object) Fail(name, problem string) {
	if *o.mistake == nil {
		*o.mistake = fault.InvalidField(join(o.path, Printable(name), ""), "%s", problem)
		if name == "" {
			*o.mistake = fault.InvalidField(join(o.path, "", "event"), "%s", problem)
		}
	}
}

// Has tells whether the name is there, with any value but null.
func (o Object) Has(name string) bool {
	raw, ok := o.Fields[name]
	return ok && string(raw) != "null"
}

// IsObject tells whether the value of that name is an object.
func (o Object) IsObject(name string) bool {
	raw := o.Fields[name]
	return len(raw) > 0 && raw[0] == '{'
}

// Object gives the object of that name.
func (o Object) Object(name string) Object {
	in := Object{path: join(o.path, name, ""), mistake: o.mistake}
	if o.Has(name) {
		in.read(o.Fields[name])
	}
	return in
}

// Text gives the string of that name.
func (o Object) Text(name string) string {
	v, _ := decodeField[string](o, name, "must be a string")
	return v
}

// Flag gives the truth value of that name.
func (o Object) Flag(name string) bool {
	v, _ := decodeField[bool](o, name, "must be true or false")
	return v
}

// Texts gives the object of strings of that name. A null in it counts as absent.
func (o Object) Texts(name string) map[string]string {
	return decodeEach[string](o.Object(name), "must be a string")
}

// Lists gives the object of lists of strings of that name. A null in it counts as absent.
func (o Object) Lists(name string) map[string][]string {
	return decodeEach[[]string](o.Object(name), "must be a list of strings")
}

func decodeEach[T any](o Object, want string) map[string]T {
	out := make(map[string]T, len(o.Fields))
	for name := range o.Fields {
		if v, ok := decodeField[T](o, name, want); ok {
			out[name] = v
		}
	}
	return out
}

// decodeField decodes one value; ok is false where there is none, or one of another type.
func decodeField[T any](o Object, name, want string) (v T, ok bool) {
	if !o.Has(name) {
		return v, false
	}
	if json.Unmarshal(o.Fields[name], &v) != nil {
		o.Fail(name, want)
		return *new(T), false
	}
	return v, true
}
