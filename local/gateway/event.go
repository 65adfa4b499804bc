package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// event is the input of a Lambda proxy integration of a REST API, payload
// format 1.0. aws-lambda-go's type of it cannot be used here: it leaves out
// isBase64Encoded when false, and writes "" where API Gateway writes null.
type event struct {
	Resource                        string              `json:"resource"`
	Path                            string              `json:"path"` // without the stage
	HTTPMethod                      string              `json:"httpMethod"`
	Headers                         map[string]string   `json:"headers"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`           // null when empty
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"` // null when empty
	PathParameters                  map[string]string   `json:"pathParameters"`                  // null when empty
	StageVariables                  map[string]string   `json:"stageVariables"`                  // null: the template has none
	RequestContext                  requestContext      `json:"requestContext"`
	Body                            *string             `json:"body"` // null when empty
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type requestContext struct {
	ResourceID        string   `json:"resourceId"`
	ResourcePath      string   `json:"resourcePath"`
	HTTPMethod        string   `json:"httpMethod"`
	ExtendedRequestID string   `json:"extendedRequestId"`
	RequestTime       string   `json:"requestTime"`
	Path              string   `json:"path"` // with the stage
	AccountID         string   `json:"accountId"`
	Protocol          string   `json:"protocol"`
	Stage             string   `json:"stage"`
	DomainPrefix      string   `json:"domainPrefix"`
	RequestTimeEpoch  int64    `json:"requestTimeEpoch"` // milliseconds
	RequestID         string   `json:"requestId"`
	Identity          identity `json:"identity"`
	DomainName        string   `json:"domainName"`
	DeploymentID      string   `json:"deploymentId"`
	APIID             string   `json:"apiId"`
}

type identity struct {
	CognitoIdentityPoolID         *string `json:"cognitoIdentityPoolId"`
	AccountID                     *string `json:"accountId"`
	CognitoIdentityID             *string `json:"cognitoIdentityId"`
	Caller                        *string `json:"caller"`
	SourceIP                      string  `json:"sourceIp"`
	PrincipalOrgID                *string `json:"principalOrgId"`
	AccessKey                     *string `json:"accessKey"`
	CognitoAuthenticationType     *string `json:"cognitoAuthenticationType"`
	CognitoAuthenticationProvider *string `json:"cognitoAuthenticationProvider"`
	UserArn                       *string `json:"userArn"`
	UserAgent                     *string `json:"userAgent"`
	User                          *string `json:"user"`
}

// newEvent builds the event of a request that matched a route.
func newEvent(api API, r *http.Request, body []byte, m match, from caller, meta meta) *event {
	sourceIP := hostOf(r.RemoteAddr)
	headers := eventHeaders(r, m.route, sourceIP, meta)
	query := parseQuery(r.URL.RawQuery)
	domain := hostOf(r.Host)
	prefix, _, _ := strings.Cut(domain, ".")
	ev := &event{
		Resource:                        m.route.Path,
		Path:                            m.path,
		HTTPMethod:                      r.Method,
		Headers:                         lastValues(headers),
		MultiValueHeaders:               headers,
		QueryStringParameters:           lastValues(query),
		MultiValueQueryStringParameters: query,
		PathParameters:                  m.parameters,
		RequestContext: requestContext{
			ResourceID:        identifier(6, m.route.Path),
			ResourcePath:      m.route.Path,
			HTTPMethod:        r.Method,
			ExtendedRequestID: meta.extendedID,
			RequestTime:       meta.at.UTC().Format("02/Jan/2006:15:04:05 -0700"),
			Path:              "/" + api.Stage + m.path,
			AccountID:         localAccount,
			Protocol:          r.Proto,
			Stage:             api.Stage,
			DomainPrefix:      prefix,
			RequestTimeEpoch:  meta.at.UnixMilli(),
			RequestID:         meta.requestID,
			Identity:          from.identity(sourceIP, r.UserAgent()),
			DomainName:        domain,
			DeploymentID:      identifier(6, "deployment", api.LogicalID, api.Stage),
			APIID:             identifier(10, api.LogicalID),
		},
	}
	if len(body) > 0 {
		text := string(body)
		// Only media types that the API lists as binary are spared. Everything
		// else is decoded as UTF-8, and what is not UTF-8 is lost: encode writes
		// U+FFFD for it, as API Gateway does.
		if ev.IsBase64Encoded = api.binary(r.Header.Get("Content-Type")); ev.IsBase64Encoded {
			text = base64.StdEncoding.EncodeToString(body)
		}
		ev.Body = &text
	}
	return ev
}

// encode returns the event as JSON. API Gateway does not escape <, > and &.
func (ev *event) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(ev); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// droppedFromRequest lists headers that never reach a function: those of "Amazon API
// Gateway important notes", REST APIs, and the hop-by-hop fields of RFC 9110, section 7.6.1.
var droppedFromRequest = []string{
	"Connection", "Content-Length", "Content-Md5", "Expect", "Keep-Alive", "Max-Forwards", "Proxy-Authenticate",
	"Proxy-Connection", "Server", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Www-Authenticate",
}

// eventHeaders returns the headers for the event. Their names are in canonical
// form, since net/http does not keep the client's spelling.
func eventHeaders(r *http.Request, route Route, sourceIP string, meta meta) map[string][]string {
	h := r.Header.Clone()
	for _, list := range h.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range droppedFromRequest {
		h.Del(name)
	}
	if route.Authorizer == authIAM {
		// Important notes: dropped "if AWS_IAM authorization is used".
		h.Del("Authorization")
	}
	proto := "http"
	port := "80"
	if r.TLS != nil {
		proto = "https"
		port = "443"
	}
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port = p
	}
	h.Set("Host", r.Host)
	h.Set("X-Forwarded-For", strings.Join(append(h.Values("X-Forwarded-For"), sourceIP), ", "))
	h.Set("X-Forwarded-Port", port)
	h.Set("X-Forwarded-Proto", proto)
	h.Set("X-Amzn-Trace-Id", meta.traceID)
	return h
}

// parseQuery decodes a query string as API Gateway does: "+" is a space, and a
// semicolon separates like an ampersand (important notes: the data "is split").
// A broken escape stays as it is. It returns nil when there is nothing.
func parseQuery(raw string) map[string][]string {
	var query map[string][]string
	for pair := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if query == nil {
			query = map[string][]string{}
		}
		name = unescape(name)
		query[name] = append(query[name], unescape(value))
	}
	return query
}

func unescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// lastValues keeps the last value of each name, as the single-value fields do.
func lastValues(multi map[string][]string) map[string]string {
	if multi == nil {
		return nil
	}
	single := make(map[string]string, len(multi))
	for name, values := range multi {
		if len(values) > 0 {
			single[name] = values[len(values)-1]
		}
	}
	return single
}

// binary says whether the API treats a media type as binary.
func (a API) binary(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType = strings.ToLower(strings.TrimSpace(contentType))
	}
	group, _, _ := strings.Cut(mediaType, "/")
	return slices.ContainsFunc(a.BinaryMediaTypes, func(t string) bool {
		return t == "*/*" || t == mediaType || t == group+"/*"
	})
}

// hostOf returns an address without its port.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
