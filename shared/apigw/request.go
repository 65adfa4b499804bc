package apigw

import (
	"encoding/base64"
	"mime"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// Request is one request of a known tenant.
type Request struct {
	Tenant      string
	OperationID string
	call        call
}

// Path gives a path parameter, decoded once: API Gateway hands it on encoded.
func (r *Request) Path(name string) (string, error) {
	v, err := url.PathUnescape(r.call.params[name])
	if err != nil || !utf8.ValidString(v) {
		return "", fault.Bad(name, "is not validly percent-encoded")
	}
	return v, nil
}

// Query gives the query's parameters, each of which may be there once. Parameters other than
// those known are refused: a misspelt one would be ignored in silence.
func (r *Request) Query(known ...string) (map[string]string, error) {
	out := map[string]string{}
	for name, values := range r.call.query {
		if !slices.Contains(known, name) {
			return nil, fault.Bad(exact.Printable(name), "is not a parameter of this request")
		}
		if len(values) != 1 {
			return nil, fault.Bad(name, "must be given once")
		}
		out[name] = values[0]
	}
	return out, nil
}

// Media is the body's media type, without parameters. A charset other than
// UTF-8 is not taken.
func (r *Request) Media(taken ...string) (string, error) {
	v := strings.Join(r.call.headers["content-type"], ", ")
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
	body := r.call.body
	if r.call.encoded {
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

// JSON decodes the body, a JSON object, into the struct that v points to, as
// exact.Decode does.
func (r *Request) JSON(v any) error {
	if _, err := r.Media("application/json"); err != nil {
		return err
	}
	body, err := r.Text()
	if err != nil {
		return err
	}
	return exact.Decode([]byte(body), v)
}
