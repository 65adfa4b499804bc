package apigw

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"ragtime/shared/fault"
)

// Request is one request of a known tenant.
type Request struct {
	Tenant      string
	OperationID string
	event       Event
}

// Path gives a path parameter, decoded once: API Gateway hands it on encoded.
func (r *Request) Path(name string) (string, error) {
	v, err := url.PathUnescape(r.event.PathParameters[name])
	if err != nil || !utf8.ValidString(v) {
		return "", fault.Bad(name, "is not validly percent-encoded")
	}
	return v, nil
}

// Query gives a query parameter, "" where it is absent. Parameters other than
// those known are refused: a misspelt one would be ignored in silence.
func (r *Request) Query(known ...string) (map[string]string, error) {
	out := map[string]string{}
	for name, v := range r.event.QueryStringParameters {
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if !found {
			return nil, fault.Bad(printable(name), "is not a parameter of this request")
		}
		out[name] = v
	}
	return out, nil
}

// Media is the body's media type, without parameters. A charset other than
// UTF-8 is not taken.
func (r *Request) Media(taken ...string) (string, error) {
	v := strings.Join(headers(r.event, "Content-Type"), ", ")
	media, params, err := mime.ParseMediaType(v)
	if v != "" && err != nil {
		return "", fault.New(fault.UnsupportedMedia, "the Content-Type header cannot be parsed; send one of: %s", strings.Join(taken, ", "))
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") && !strings.EqualFold(c, "us-ascii") {
		return "", fault.New(fault.UnsupportedMedia, "charset must be utf-8")
	}
	for _, t := range taken {
		if media == t {
			return media, nil
		}
	}
	return "", fault.New(fault.UnsupportedMedia, "the Content-Type header must be one of: %s", strings.Join(taken, ", "))
}

// Text is the body as it was sent.
func (r *Request) Text() (string, error) {
	body := r.event.Body
	if r.event.IsBase64Encoded {
		b, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return "", fault.Bad("body", "is not valid base64")
		}
		body = string(b)
	}
	if !utf8.ValidString(body) {
		return "", fault.Bad("body", "must be valid UTF-8")
	}
	return body, nil
}

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
	return object("", json.RawMessage(body), reflect.ValueOf(v).Elem())
}

// object decodes a JSON object into a struct.
func object(path string, raw json.RawMessage, into reflect.Value) error {
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
		if err := value(at(f.name), f.raw, field); err != nil {
			return err
		}
	}
	return nil
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
		m := member{name: t.(string)} // the JSON is valid: a name is a string
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

func value(path string, raw json.RawMessage, into reflect.Value) error {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if into.Kind() == reflect.Struct {
		return object(path, raw, into)
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

// printable makes a name that a client sent fit to be shown: short, and quoted
// where it is empty or has anything but plain characters.
func printable(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "..."
	}
	if q := strconv.QuoteToASCII(name); name == "" || q != `"`+name+`"` {
		return q
	}
	return name
}

// headers gives every value of a header; names are compared without case.
func headers(e Event, name string) []string {
	for k, v := range e.MultiValueHeaders {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	for k, v := range e.Headers {
		if strings.EqualFold(k, name) {
			return []string{v}
		}
	}
	return nil
}
