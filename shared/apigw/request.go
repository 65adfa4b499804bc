package apigw

import (
	"encoding/base64"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// Request is one request, whose tenant is known.
type Request struct {
	Tenant      string
	OperationID string
	call        call
	events      *Events
}

// Accepts returns the offered media type that the Accept header prefers; of several, the
// first. Where the header accepts none, the error is a fault of kind NotAcceptable.
func (r *Request) Accepts(offered ...string) (string, error) {
	accept := strings.Join(r.call.headers["accept"], ",")
	if strings.TrimSpace(accept) == "" {
		return offered[0], nil
	}
	best, bestQuality := "", 0.0
	for _, o := range offered {
		if q := quality(accept, o); q > bestQuality {
			best, bestQuality = o, q
		}
	}
	if best == "" {
		return "", fault.New(fault.NotAcceptable, "the Accept header must take one of: %s", strings.Join(offered, ", "))
	}
	return best, nil
}

// quality is the weight of a media type in an Accept header, 0 to 1: that of the most
// specific range which matches it (RFC 9110, section 12.5.1).
func quality(accept, media string) float64 {
	group, _, _ := strings.Cut(media, "/")
	found, specific := 0.0, -1
	for part := range strings.SplitSeq(accept, ",") {
		r, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		level := slices.Index([]string{"*/*", group + "/*", media}, r)
		if level <= specific {
			continue
		}
		specific, found = level, 1
		if q, ok := params["q"]; ok {
			if found, err = strconv.ParseFloat(q, 64); err != nil || !(found >= 0 && found <= 1) {
				found = 1
			}
		}
	}
	return found
}

// Events returns where to send the answer event by event. Where the request came through
// a gateway that takes whole answers only, the error is a fault of kind NotAcceptable.
func (r *Request) Events() (*Events, error) {
	if r.events == nil {
		return nil, fault.New(fault.NotAcceptable, "this way to the API cannot stream: ask for application/json in the Accept header")
	}
	return r.events, nil
}

// Path returns a path parameter, percent-decoded: API Gateway passes it on encoded.
func (r *Request) Path(name string) (string, error) {
	v, err := url.PathUnescape(r.call.params[name])
	if err != nil || !utf8.ValidString(v) {
		return "", fault.InvalidField(name, "is not validly percent-encoded")
	}
	return v, nil
}

// Query returns the query's parameters. It refuses one that is given twice, and one that
// is not known, since a misspelt parameter would be ignored in silence.
func (r *Request) Query(known ...string) (map[string]string, error) {
	out := map[string]string{}
	for name, values := range r.call.query {
		if !slices.Contains(known, name) {
			return nil, fault.InvalidField(exact.Printable(name), "is not a parameter of this request")
		}
		if len(values) != 1 {
			return nil, fault.InvalidField(name, "must be given once")
		}
		out[name] = values[0]
	}
	return out, nil
}

// Media returns the body's media type, without parameters. It refuses types that are not
// accepted, and charsets other than UTF-8.
func (r *Request) Media(accepted ...string) (string, error) {
	v := strings.Join(r.call.headers["content-type"], ", ")
	media, params, err := mime.ParseMediaType(v)
	if v != "" && err != nil {
		return "", fault.New(fault.UnsupportedMedia, "the Content-Type header cannot be parsed; send one of: %s", strings.Join(accepted, ", "))
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") && !strings.EqualFold(c, "us-ascii") {
		return "", fault.New(fault.UnsupportedMedia, "charset must be utf-8")
	}
	for _, t := range accepted {
		if media == t {
			return media, nil
		}
	}
	return "", fault.New(fault.UnsupportedMedia, "the Content-Type header must be one of: %s", strings.Join(accepted, ", "))
}

// Text returns the body, base64 decoded where the gateway encoded it.
func (r *Request) Text() (string, error) {
	body := r.call.body
	if r.call.isBase64 {
		b, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return "", fault.InvalidField("body", "is not valid base64")
		}
		body = string(b)
	}
	if !utf8.ValidString(body) {
		return "", fault.InvalidField("body", "must be valid UTF-8")
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
