package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// proxyResponse is the answer of a function. All fields are optional, others
// are forbidden: API Gateway calls the answer malformed then.
type proxyResponse struct {
	StatusCode        json.RawMessage          `json:"statusCode"`
	Headers           map[string]headerValue   `json:"headers"`
	MultiValueHeaders map[string][]headerValue `json:"multiValueHeaders"`
	Body              *string                  `json:"body"`
	IsBase64Encoded   bool                     `json:"isBase64Encoded"`
}

// headerValue is a string or a boolean.
type headerValue string

func (v *headerValue) UnmarshalJSON(data []byte) error {
	var s string
	switch {
	case string(data) == "true" || string(data) == "false":
		*v = headerValue(data)
		return nil
	case json.Unmarshal(data, &s) == nil:
		*v = headerValue(s)
		return nil
	}
	return fmt.Errorf("header value %.40s is neither a string nor a boolean", data)
}

// reply is a decoded proxyResponse.
type reply struct {
	status int
	header http.Header // names as the function wrote them
	body   []byte
}

// parseReply reads a function's answer; binary says whether the client gets the
// bytes behind a base64 body. The error says what is malformed, for the log.
func parseReply(payload []byte, binary bool) (*reply, error) {
	var p *proxyResponse
	if err := decodeWhole(payload, &p); err != nil {
		return nil, fmt.Errorf("malformed Lambda proxy response: %w", err)
	}
	if p == nil {
		return nil, errors.New("malformed Lambda proxy response: null")
	}
	status, err := statusOf(p.StatusCode)
	if err != nil {
		return nil, err
	}
	r := &reply{status: status, header: mergeHeaders(p.Headers, p.MultiValueHeaders)}
	if p.Body != nil {
		r.body = []byte(*p.Body)
	}
	if p.IsBase64Encoded && binary {
		if r.body, err = base64.StdEncoding.DecodeString(string(r.body)); err != nil {
			return nil, fmt.Errorf("malformed Lambda proxy response: body is not base64: %w", err)
		}
	}
	return r, nil
}

// decodeWhole decodes one JSON object, with no unknown field and nothing after it.
func decodeWhole(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// statusOf reads a status code, which may be a number or a string of one.
// Without one API Gateway answers 200.
func statusOf(raw json.RawMessage) (int, error) {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return http.StatusOK, nil
	}
	status, err := strconv.Atoi(text)
	if err != nil || status < 200 || status > 599 {
		return 0, fmt.Errorf("malformed Lambda proxy response: statusCode %.40s is not a final HTTP status", raw)
	}
	return status, nil
}

// mergeHeaders makes one list of both header fields; a value that is in both
// appears once.
func mergeHeaders(single map[string]headerValue, multi map[string][]headerValue) http.Header {
	merged := http.Header{}
	names := map[string]string{} // from the canonical name to the spelling that came first
	add := func(name string, value headerValue) {
		key := http.CanonicalHeaderKey(name)
		if _, ok := names[key]; !ok {
			names[key] = name
		}
		merged[names[key]] = append(merged[names[key]], string(value))
	}
	for name, values := range multi {
		for _, value := range values {
			add(name, value)
		}
	}
	for name, value := range single {
		if !slices.Contains(merged[names[http.CanonicalHeaderKey(name)]], string(value)) {
			add(name, value)
		}
	}
	return merged
}

var (
	// remappedHeaders headers of a function reach the client as x-amzn-Remapped-<name>:
	// the gateway speaks for itself about the connection, and WWW-Authenticate
	// would make a browser ask for a password. From "Amazon API Gateway important
	// notes", REST APIs, column Lambda response.
	remappedHeaders = []string{
		"Authorization", "Connection", "Content-Length", "Content-Md5", "Date", "Expect", "Max-Forwards",
		"Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "Www-Authenticate",
	}
	// droppedFromResponse is from the same table.
	droppedFromResponse = []string{"Host", "Te", "Transfer-Encoding", "Via"}
)

// write sends the reply. Ids are set on w already and win over the function's.
func (r *reply) write(w http.ResponseWriter) {
	h := w.Header()
	hasContentType := false
	for name, values := range r.header {
		key := http.CanonicalHeaderKey(name)
		switch {
		case slices.Contains(droppedFromResponse, key):
			continue
		case slices.Contains(remappedHeaders, key) || isGatewayHeader(key):
			name = "x-amzn-Remapped-" + name
		}
		hasContentType = hasContentType || key == "Content-Type"
		h[name] = values
	}
	if !hasContentType {
		h.Set("Content-Type", "application/json")
	}
	w.WriteHeader(r.status)
	// An error means that the client has left. There is nobody to report it to.
	_, _ = w.Write(r.body)
}

// isGatewayHeader reports whether the gateway sets a header on every response.
func isGatewayHeader(key string) bool {
	return key == "X-Amzn-Requestid" || key == "X-Amz-Apigw-Id" || key == "X-Amzn-Trace-Id"
}
