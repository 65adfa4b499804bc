package exact

import (
	"encoding/json"

	"ragtime/shared/fault"
)

// Object is a JSON object that is read member by member; members that nobody asks for are
// ignored. A member that is absent or null reads as the zero value. One of another type
// does too, and is a mistake that Err returns.
type Object struct {
	Fields  map[string]json.RawMessage // nil where there is no object
	path    string                     // within the outermost object
	mistake *error                     // the first one; shared by all objects of one Read
}

// Read reads an event's outermost object.
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

// Err returns the first mistake in the outermost object, of which o may be a part.
func (o Object) Err() error { return *o.mistake }

// Fail records what is wrong with the value of that name, unless there was a mistake before.
func (o Object) Fail(name, problem string) {
	if *o.mistake == nil {
		*o.mistake = fault.InvalidField(join(o.path, Printable(name), ""), "%s", problem)
		if name == "" {
			*o.mistake = fault.InvalidField(join(o.path, "", "event"), "%s", problem)
		}
	}
}

// Has tells whether there is a value of that name, other than null.
func (o Object) Has(name string) bool {
	raw, ok := o.Fields[name]
	return ok && string(raw) != "null"
}

// IsObject tells whether the value of that name is an object.
func (o Object) IsObject(name string) bool {
	raw := o.Fields[name]
	return len(raw) > 0 && raw[0] == '{'
}

// Object returns the object of that name.
func (o Object) Object(name string) Object {
	in := Object{path: join(o.path, name, ""), mistake: o.mistake}
	if o.Has(name) {
		in.read(o.Fields[name])
	}
	return in
}

// Text returns the string of that name.
func (o Object) Text(name string) string {
	v, _ := decodeField[string](o, name, "must be a string")
	return v
}

// Flag returns the boolean of that name.
func (o Object) Flag(name string) bool {
	v, _ := decodeField[bool](o, name, "must be true or false")
	return v
}

// Texts returns the object of strings of that name, without members that are null.
func (o Object) Texts(name string) map[string]string {
	return decodeEach[string](o.Object(name), "must be a string")
}

// Lists returns the object of lists of strings of that name, without members that are null.
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

// decodeField decodes the value of a name; ok is false where there is none of type T.
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
