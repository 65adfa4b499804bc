package apigw

import (
	"bytes"
	"encoding/json"
	"errors"

	"ragtime/shared/fault"
)

// object is a JSON object of an event, read by exact names, none of which occurs
// twice. encoding/json would take "AccountID" for accountId and the last of two,
// and so let one event mean different things to two readers.
type object struct {
	path   string                     // in the event, "" for the event itself
	fields map[string]json.RawMessage // nil where there is no object
	failed *error                     // the first mistake in the event
}

// newObject gives the event's outermost object.
func newObject(event json.RawMessage) object {
	o := object{failed: new(error)}
	o.read(event)
	return o
}

func (o *object) read(raw json.RawMessage) {
	fields, twice, err := members(raw)
	switch {
	case err != nil:
		o.fail("", "must be an object")
		return
	case twice != "":
		o.fail(printable(twice), "must not be given twice")
	}
	o.fields = make(map[string]json.RawMessage, len(fields))
	for _, f := range fields {
		o.fields[f.name] = f.raw
	}
}

// fail keeps the mistake if it is the first.
func (o object) fail(name, problem string) {
	if *o.failed == nil {
		*o.failed = fault.Bad(o.at(name), "%s", problem)
	}
}

func (o object) at(name string) string {
	switch {
	case name == "" && o.path == "":
		return "event"
	case name == "":
		return o.path
	case o.path == "":
		return name
	}
	return o.path + "." + name
}

// has tells whether the name is there, with any value but null.
func (o object) has(name string) bool {
	raw, ok := o.fields[name]
	return ok && string(raw) != "null"
}

// holds tells whether there is an object of that name.
func (o object) holds(name string) bool {
	raw := o.fields[name]
	return len(raw) > 0 && raw[0] == '{'
}

// object gives the object of that name; an empty one where there is none.
func (o object) object(name string) object {
	in := object{path: o.at(name), failed: o.failed}
	if o.has(name) {
		in.read(o.fields[name])
	}
	return in
}

// text gives the string of that name, "" where there is none.
func (o object) text(name string) string {
	v, _ := scalar[string](o, name, "must be a string")
	return v
}

func (o object) flag(name string) bool {
	v, _ := scalar[bool](o, name, "must be true or false")
	return v
}

// texts gives an object of strings. A null in it counts as absent.
func (o object) texts(name string) map[string]string {
	in := o.object(name)
	out := make(map[string]string, len(in.fields))
	for k := range in.fields {
		if v, ok := scalar[string](in, k, "must be a string"); ok {
			out[k] = v
		}
	}
	return out
}

// lists gives an object of lists of strings. A null in it counts as absent.
func (o object) lists(name string) map[string][]string {
	in := o.object(name)
	out := make(map[string][]string, len(in.fields))
	for k := range in.fields {
		if v, ok := scalar[[]string](in, k, "must be a list of strings"); ok {
			out[k] = v
		}
	}
	return out
}

// scalar decodes one value; ok is false where there is none, or one of another type.
func scalar[T any](o object, name, want string) (v T, ok bool) {
	if !o.has(name) {
		return v, false
	}
	if json.Unmarshal(o.fields[name], &v) != nil {
		o.fail(printable(name), want)
		return *new(T), false
	}
	return v, true
}

type member struct {
	name string
	raw  json.RawMessage
}

// members gives a JSON object's fields in their order, and the first name that
// occurs twice: encoding/json would take the last one in silence.
func members(raw json.RawMessage) (fields []member, twice string, err error) {
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
		m := member{name: name}
		if err := d.Decode(&m.raw); err != nil {
			return nil, "", err
		}
		if seen[m.name] && twice == "" {
			twice = m.name
		}
		seen[m.name] = true
		fields = append(fields, m)
	}
	return fields, twice, nil
}
