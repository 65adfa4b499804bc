package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testTime = time.Date(2026, time.March, 4, 5, 6, 7, 89e6, time.FixedZone("", 3600))

func request(t *testing.T, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "http://api.local:3000"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "192.0.2.7:4711"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func route(method, path, authorizer string) Route {
	return Route{Method: method, Path: path, Function: "EchoFunction", Authorizer: authorizer}
}

// build sends a request through routing, authorizing and event building.
func build(t *testing.T, api API, rt Route, r *http.Request, body string) map[string]any {
	t.Helper()
	m, from, refusal := newRouter(&Template{API: api, Routes: []Route{rt}}).admit(r)
	if refusal != nil {
		t.Fatalf("refused: %s", refusal.body)
	}
	payload, err := newEvent(api, r, []byte(body), m, from, metaFrom([16]byte{1, 2, 3}, testTime, r.Header.Get("X-Amzn-Trace-Id"))).encode()
	if err != nil {
		t.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

// The whole event, field by field: what is null in a real one is null here.
func TestEvent(t *testing.T) {
	r := request(t, "POST", "/v1/things/a%20b?x=1&x=2&y", "{}",
		"Content-Type", "application/json", "X-Two", "a", "X-Two", "b", "Connection", "X-Hop", "X-Hop", "1", "Te", "trailers",
		"X-Forwarded-For", "203.0.113.9", "User-Agent", "t/1", "Authorization", "Basic eA==",
		"X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:0")
	got := build(t, API{LogicalID: "Api", Stage: "v1"}, route("ANY", "/things/{id}", authNone), r, "{}")
	trace := "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0"
	single := map[string]any{
		"Authorization": "Basic eA==", "Content-Type": "application/json", "Host": "api.local:3000", "User-Agent": "t/1",
		"X-Two": "b", "X-Amzn-Trace-Id": trace,
		"X-Forwarded-For": "203.0.113.9, 192.0.2.7", "X-Forwarded-Port": "3000", "X-Forwarded-Proto": "http",
	}
	multi := map[string]any{}
	for name, value := range single {
		multi[name] = []any{value}
	}
	multi["X-Two"] = []any{"a", "b"}
	want := map[string]any{
		"resource": "/things/{id}", "path": "/things/a%20b", "httpMethod": "POST",
		"headers": single, "multiValueHeaders": multi,
		"queryStringParameters":           map[string]any{"x": "2", "y": ""},
		"multiValueQueryStringParameters": map[string]any{"x": []any{"1", "2"}, "y": []any{""}},
		"pathParameters":                  map[string]any{"id": "a%20b"},
		"stageVariables":                  nil, "body": "{}", "isBase64Encoded": false,
		"requestContext": map[string]any{
			"resourceId": identifier(6, "/things/{id}"), "resourcePath": "/things/{id}", "httpMethod": "POST",
			"extendedRequestId": "AQIDAAAAAAAAAAA=", "requestTime": "04/Mar/2026:04:06:07 +0000", "path": "/v1/things/a%20b",
			"accountId": localAccount, "protocol": "HTTP/1.1", "stage": "v1", "domainPrefix": "api", "domainName": "api.local",
			"requestTimeEpoch": float64(testTime.UnixMilli()), "requestId": "01020300-0000-4000-8000-000000000000",
			"deploymentId": identifier(6, "deployment", "Api", "v1"), "apiId": identifier(10, "Api"),
			"identity": map[string]any{
				"cognitoIdentityPoolId": nil, "accountId": nil, "cognitoIdentityId": nil, "caller": nil, "sourceIp": "192.0.2.7",
				"principalOrgId": nil, "accessKey": nil, "cognitoAuthenticationType": nil, "cognitoAuthenticationProvider": nil,
				"userArn": nil, "userAgent": "t/1", "user": nil,
			},
		},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("event (-got +want):\n%s", diff)
	}
}

func TestEventEmpty(t *testing.T) {
	got := build(t, API{Stage: "v1"}, route("GET", "/things", authIAM), request(t, "GET", "/things/", ""), "")
	for _, name := range []string{"body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"} {
		if value, ok := got[name]; !ok || value != nil {
			t.Errorf("%s: got %v (there: %t), want null", name, value, ok)
		}
	}
	headers := got["headers"].(map[string]any)
	if _, ok := headers["Authorization"]; ok {
		t.Error("Authorization reached the function of an AWS_IAM route")
	}
	if got, want := headers["X-Amzn-Trace-Id"], "Root=1-69a7afaf-000000000000000000000000;Sampled=1"; got != want {
		t.Errorf("trace header: got %v, want %s", got, want)
	}
}

func TestEventBody(t *testing.T) {
	binary := API{Stage: "v1", BinaryMediaTypes: []string{"image/png", "audio/*"}}
	for _, tt := range []struct {
		name, contentType, body string
		api                     API
		want                    string
		base64                  bool
	}{
		{"text", "text/plain", "a<b>&é", binary, "a<b>&é", false},
		{"invalid UTF-8 is lost", "image/png", "a\xffb", API{}, "a\ufffdb", false},
		{"listed type", "image/PNG; q=1", "a\xffb", binary, "Yf9i", true},
		{"listed group", "audio/ogg", "a\xffb", binary, "Yf9i", true},
		{"all types", "", "ab", API{BinaryMediaTypes: []string{"*/*"}}, "YWI=", true},
	} {
		r := request(t, "PUT", "/x", tt.body, "Content-Type", tt.contentType)
		got := build(t, tt.api, route("PUT", "/x", authIAM), r, tt.body)
		if got["body"] != tt.want || got["isBase64Encoded"] != tt.base64 {
			t.Errorf("%s: got %q, base64 %v, want %q, %v", tt.name, got["body"], got["isBase64Encoded"], tt.want, tt.base64)
		}
	}
}

func TestParseQuery(t *testing.T) {
	for raw, want := range map[string]map[string][]string{
		"":                     nil,
		"&;&":                  nil,
		"a=1;b=2":              {"a": {"1"}, "b": {"2"}},
		"t=%2B1+2&t=":          {"t": {"+1 2", ""}},
		"a%20b=https%3A%2F%2F": {"a b": {"https://"}},
		"p=%zz%41":             {"p": {"%zz%41"}},
	} {
		if diff := cmp.Diff(parseQuery(raw), want); diff != "" {
			t.Errorf("%q (-got +want):\n%s", raw, diff)
		}
	}
}

func TestRouting(t *testing.T) {
	template := &Template{API: API{Stage: "v1"}, Routes: []Route{
		route("ANY", "/{proxy+}", authNone), route("GET", "/docs/{id}", authNone), route("ANY", "/docs/{id}", authNone),
		route("GET", "/docs/new", authNone), route("GET", "/docs", authNone), route("GET", "/", authNone),
		route("GET", "/docs/{id}/{rest+}", authNone),
	}}
	router := newRouter(template)
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/", "GET / / map[]"},
		{"GET", "/v1", "GET / / map[]"},
		{"GET", "/v1/", "GET / / map[]"},
		{"GET", "/v12", "ANY /{proxy+} /v12 map[proxy:v12]"},
		{"GET", "/docs", "GET /docs /docs map[]"},
		{"GET", "/v1/docs/", "GET /docs /docs/ map[]"},
		{"GET", "/docs/new", "GET /docs/new /docs/new map[]"},
		{"POST", "/docs/new", ""}, // the resource is chosen before the method
		{"GET", "/docs/a", "GET /docs/{id} /docs/a map[id:a]"},
		{"PUT", "/docs/a", "ANY /docs/{id} /docs/a map[id:a]"},
		{"PUT", "/docs/a%2Fb%2e", "ANY /docs/{id} /docs/a%2Fb%2e map[id:a%2Fb%2e]"},
		{"GET", "/docs/a/b/c", "GET /docs/{id}/{rest+} /docs/a/b/c map[id:a rest:b/c]"},
		{"HEAD", "/docs", ""},
		{"PUT", "/x/test%2Balias/+", "ANY /{proxy+} /x/test%2Balias/+ map[proxy:x/test%2Balias/+]"},
	} {
		m, ok := router.find(tt.method, tt.path)
		got := ""
		if ok {
			got = fmt.Sprintf("%s %s %s %v", m.route.Method, m.route.Path, m.path, m.parameters)
		}
		if got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.method, tt.path, got, tt.want)
		}
	}
}

func TestTraceHeader(t *testing.T) {
	const root = "1-67891233-abcdef012345678912345678"
	for client, want := range map[string]string{
		"":                            "Root=fresh;Sampled=1",
		"Root=" + root:                "Root=" + root + ";Sampled=1",
		"Root=" + root + ";Sampled=?": "Root=" + root + ";Sampled=1",
		"Sampled=0; Root=" + root:     "Root=" + root + ";Sampled=0",
		"Self=1-x;Root=" + root + ";Parent=nonsense": "Root=" + root + ";Sampled=1",
		"Root=1-67891233-short;Sampled=0":            "Root=fresh;Sampled=1",
	} {
		if got := traceHeader(client, "fresh"); got != want {
			t.Errorf("%q: got %q, want %q", client, got, want)
		}
	}
	fresh := regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=1$`)
	a, b := newMeta(testTime, ""), newMeta(testTime, "")
	if !fresh.MatchString(a.traceID) || a.traceID == b.traceID || a.requestID == b.requestID {
		t.Errorf("got %+v and %+v, want two different ones", a, b)
	}
}
