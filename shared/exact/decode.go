package exact

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"ragtime/shared/fault"
)

// Reader is a field that decodes its own JSON. Faults name it by its path.
type Reader interface {
	ReadExact(path string, raw json.RawMessage) error
}

// Decode decodes a request's body, a JSON object, into the struct that into points to.
// Fields are named by their json tags. A field is a string, int, float64, bool, a Reader,
// a struct, embedded or not, a slice of structs, or a pointer to any of these. An unknown
// name, a name that is given twice and a wrong type are faults. A field that is absent or
// null keeps its value.
func Decode(body []byte, into any) error {
	if strings.TrimSpace(string(body)) == "" {
		return fault.InvalidField("body", "must not be empty")
	}
	if !json.Valid(body) {
		return fault.InvalidField("body", "is not valid JSON, or nested too deep")
	}
	return decodeStruct("", body, reflect.ValueOf(into).Elem())
}

func decodeStruct(path string, raw json.RawMessage, into reflect.Value) error {
	members, duplicate, err := Members(raw)
	if err != nil {
		return fault.InvalidField(join(path, "", "body"), "must be a JSON object")
	}
	if duplicate != "" {
		return fault.InvalidField(join(path, Printable(duplicate), ""), "must not be given twice")
	}
	known := map[string]reflect.Value{}
	collectFields(into, known)
	for _, m := range members {
		field, ok := known[m.Name]
		if !ok {
			return fault.InvalidField(join(path, Printable(m.Name), ""), "is not a field of this request")
		}
		if string(m.Raw) == "null" {
			continue // as if it were absent
		}
		if err := decodeValue(join(path, m.Name, ""), m.Raw, field); err != nil {
			return err
		}
	}
	return nil
}

// collectFields adds a struct's fields, and those of embedded structs, to known.
func collectFields(of reflect.Value, known map[string]reflect.Value) {
	for i := range of.NumField() {
		f := of.Type().Field(i)
		if f.Anonymous {
			collectFields(of.Field(i), known)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = of.Field(i)
	}
}

// decodeList decodes an array of objects.
func decodeList(path string, raw json.RawMessage, into reflect.Value) error {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return fault.InvalidField(path, "must be an array of objects")
	}
	into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
	for i, item := range items {
		if err := decodeStruct(path+"["+strconv.Itoa(i)+"]", item, into.Index(i)); err != nil {
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
	if r, ok := into.Addr().Interface().(Reader); ok {
		return r.ReadExact(path, raw)
	}
	switch {
	case into.Kind() == reflect.Struct:
		return decodeStruct(path, raw, into)
	case into.Kind() == reflect.Slice && into.Type().Elem().Kind() == reflect.Struct:
		return decodeList(path, raw, into)
	}
	if json.Unmarshal(raw, into.Addr().Interface()) != nil {
		return fault.InvalidField(path, "must be %s", kindNames[into.Kind()])
	}
	return nil
}

var kindNames = map[reflect.Kind]string{
	reflect.String:  "a string",
	reflect.Int:     "an integer",
	reflect.Float64: "a number",
	reflect.Bool:    "true or false",
}
