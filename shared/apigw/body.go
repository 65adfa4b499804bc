package apigw

import (
	"encoding/json"
	"reflect"
	"strings"

	"ragtime/shared/fault"
)

// JSON decodes the body, a JSON object, into the struct that v points to.
// Names are compared exactly; an unknown field, one given twice, a wrong
// type and null are faults that name the field, with its path: "filter.collection".
func (r *Request) JSON(v any) error {
	if _, err := r.Media("application/json"); err != nil {
		return err
	}
	body, err := r.Text()
	if err != nil {
		return err
	}
	if strings.TrimSpace(body) == "" {
		return fault.Bad("body", "must not be empty")
	}
	if !json.Valid([]byte(body)) {
		return fault.Bad("body", "is not valid JSON, or nested too deep")
	}
	return decodeObject("", json.RawMessage(body), reflect.ValueOf(v).Elem())
}

// decodeObject decodes a JSON object into a struct.
func decodeObject(path string, raw json.RawMessage, into reflect.Value) error {
	fields, twice, err := members(raw)
	if err != nil {
		if path == "" {
			path = "body"
		}
		return fault.Bad(path, "must be a JSON object")
	}
	known := map[string]reflect.Value{}
	for i := range into.NumField() {
		name, _, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		known[name] = into.Field(i)
	}
	at := func(name string) string {
		if path != "" {
			return path + "." + name
		}
		return name
	}
	if twice != "" {
		return fault.Bad(printable(at(twice)), "must not be given twice")
	}
	for _, f := range fields {
		field, ok := known[f.name]
		if !ok {
			return fault.Bad(printable(at(f.name)), "is not a field of this request")
		}
		if err := decodeValue(at(f.name), f.raw, field); err != nil {
			return err
		}
	}
	return nil
}

func decodeValue(path string, raw json.RawMessage, into reflect.Value) error {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if into.Kind() == reflect.Struct {
		return decodeObject(path, raw, into)
	}
	if string(raw) == "null" || json.Unmarshal(raw, into.Addr().Interface()) != nil {
		return fault.Bad(path, "must be %s", kindNames[into.Kind()])
	}
	if into.Kind() == reflect.Map {
		fields, twice, err := members(raw)
		if err != nil {
			return fault.Bad(path, "must be %s", kindNames[reflect.Map])
		}
		if twice != "" {
			return fault.Bad(path, "must not have a key twice")
		}
		for _, f := range fields {
			if string(f.raw) == "null" { // encoding/json takes it for an empty string
				return fault.Bad(path, "must be %s", kindNames[reflect.Map])
			}
		}
	}
	return nil
}

var kindNames = map[reflect.Kind]string{
	reflect.String:  "a string",
	reflect.Int:     "an integer",
	reflect.Float64: "a number",
	reflect.Map:     "an object of strings",
}
