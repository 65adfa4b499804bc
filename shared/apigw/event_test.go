package apigw_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
)

// requestRecord has what a route read from a request.
type requestRecord struct {
	ID, Limit, Text, Media string
}

// documentsAPI is an API whose routes take a path parameter, a query and a body.
func documentsAPI(got *requestRecord) apigw.API {
	see := func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		id, err := r.Path("id")
		if err != nil {
			return apigw.Response{}, err
		}
		query, err := r.Query("limit")
		if err != nil {
			return apigw.Response{}, err
		}
		text, err := r.Text()
		if err != nil {
			return apigw.Response{}, err
		}
		media, _ := r.Media("text/plain", "application/json")
		*got = requestRecord{id, query["limit"], text, media}
		return apigw.Response{Status: 200, Body: map[string]string{"id": id}}, nil
	}
	return apigw.API{
		Name:   "test",
		Routes: apigw.Routes{"PUT /documents/{id}": see, "GET /documents": see},
		Direct: apigw.Direct{Route: "PUT /documents/{id}", Fields: []string{"id", "text"}},
	}
}

func TestPayloads(t *testing.T) {
	iam := m{"iam": m{"accountId": "111122223333"}}
	v2 := func(routeKey, path, stage string, more m) m {
		e := m{"version": "2.0", "routeKey": routeKey, "rawPath": path, "requestContext": m{"stage": stage, "authorizer": iam,
			"http": m{"method": strings.Fields(routeKey + " PUT")[0]}}}
		if routeKey == "$default" {
			e["requestContext"].(m)["http"] = m{"method": "PUT"}
		}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	v1 := func(more m) m {
		e := m{"httpMethod": "PUT", "requestContext": m{"identity": m{"accountId": "111122223333"}, "stage": "v1"}}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	tests := []struct {
		name   string
		event  m
		status int
		want   requestRecord
	}{
		{"HTTP API", v2("PUT /documents/{id}", "/v1/documents/a", "v1", m{"pathParameters": m{"id": "a"}, "body": "x", "headers": m{"content-type": "text/plain"}}), 200, requestRecord{"a", "", "x", "text/plain"}},
		{"HTTP API, default route", v2("$default", "/documents/a", "$default", nil), 200, requestRecord{ID: "a"}},
		{"HTTP API, default route of a named stage", v2("$default", "/v1/documents/a", "v1", nil), 200, requestRecord{ID: "a"}},
		{"HTTP API, proxy route", v2("PUT /{proxy+}", "/documents/a", "$default", m{"pathParameters": m{"proxy": "documents/a"}}), 200, requestRecord{ID: "a"}},
		{"function URL", v2("$default", "/documents/a%7E1", "$default", nil), 200, requestRecord{ID: "a~1"}},
		{"a stage named like a path", v2("$default", "/documents/a", "documents", nil), 200, requestRecord{ID: "a"}},
		{"base64", v2("$default", "/documents/a", "$default", m{"body": "w6k=", "isBase64Encoded": true}), 200, requestRecord{ID: "a", Text: "é"}},
		{"query", v2("$default", "/documents/a", "$default", m{"rawQueryString": "limit=1%2C2", "queryStringParameters": m{"limit": "1,2"}}), 200, requestRecord{ID: "a", Limit: "1,2"}},
		{"query twice", v2("$default", "/documents/a", "$default", m{"rawQueryString": "limit=1&limit=2", "queryStringParameters": m{"limit": "1,2"}}), 400, requestRecord{}},
		{"no such path", v2("$default", "/documents/a/b", "$default", nil), 404, requestRecord{}},
		{"no document", v2("$default", "/documents/", "$default", nil), 404, requestRecord{}},
		{"REST API", v1(m{"resource": "/documents/{id}", "path": "/documents/a", "pathParameters": m{"id": "a"}}), 200, requestRecord{ID: "a"}},
		{"REST API, proxy resource", v1(m{"resource": "/{proxy+}", "path": "/documents/a", "pathParameters": m{"proxy": "documents/a"}}), 200, requestRecord{ID: "a"}},
		{"query twice", v1(m{"resource": "/documents/{id}", "pathParameters": m{"id": "a"}, "queryStringParameters": m{"limit": "2"},
			"multiValueQueryStringParameters": m{"limit": []any{"1", "2"}}}), 400, requestRecord{}},
		{"nulls", v1(m{"resource": "/documents/{id}", "pathParameters": m{"id": "a"}, "headers": nil, "multiValueHeaders": m{"x": nil}, "body": nil, "isBase64Encoded": nil}), 200, requestRecord{ID: "a"}},
		{"headers a list", v1(m{"resource": "/documents/{id}", "headers": []any{}}), 400, requestRecord{}},
	}
	for _, tt := range tests {
		var got requestRecord
		reply := apigwtest.Send(t, t.Context(), documentsAPI(&got).Serve, tt.event)
		if reply.StatusCode != tt.status || got != tt.want {
			t.Errorf("%s: got %d %s, saw %+v; want %d, %+v", tt.name, reply.StatusCode, reply.Body, got, tt.status, tt.want)
		}
		if reply.Headers["Ragtime-Operation-Id"] != "op-1" || reply.Headers["Content-Type"] == "" {
			t.Errorf("%s: got headers %v", tt.name, reply.Headers)
		}
	}
}

// The answer to a direct invocation is the body alone. Its tenant is the function's account,
// under the rule account.
func TestDirect(t *testing.T) {
	tests := []struct {
		name, rule, event string
		status            int    // of the problem; 0: a success
		detail            string // of the problem: its start
		want              requestRecord
	}{
		{"a call", "account", `{"id":"a%41","text":"é"}`, 0, "", requestRecord{"a%41", "", `{"text":"é"}`, "application/json"}},
		{"only one of the fields", "account", `{"text":"x"}`, 0, "", requestRecord{"", "", `{"text":"x"}`, "application/json"}},
		{"a parameter of another type", "account", `{"id":1,"text":"x"}`, 400, "id must be a string", requestRecord{}},
		{"a name twice", "account", `{"id":"a","text":"x","id":"b"}`, 400, "id must not be given twice", requestRecord{}},
		{"a rule that cannot tell for whom", "caller", `{"id":"a","text":"x"}`, 403, "RAGTIME_TENANT_FROM=caller does not tell for whom a direct invocation acts", requestRecord{}},
		{"another such rule", "header", `{"id":"a","text":"x"}`, 403, "RAGTIME_TENANT_FROM=header", requestRecord{}},
	}
	for _, tt := range tests {
		var got requestRecord
		a := documentsAPI(&got)
		a.Tenancy = apigwtest.Rule(tt.rule)
		var answer struct {
			Status int
			Detail string
			ID     string
		}
		raw := apigwtest.Invoke(t, t.Context(), a.Serve, []byte(tt.event))
		if err := json.Unmarshal(raw, &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Status != tt.status ||
			!strings.HasPrefix(answer.Detail, tt.detail) ||
			answer.ID != tt.want.ID ||
			strings.Contains(string(raw), "statusCode") {
			t.Errorf("%s: got %s, want status %d, detail %q", tt.name, raw, tt.status, tt.detail)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
	var tenant string
	apigwtest.Invoke(t, t.Context(), api(recordTenant(&tenant)).Serve, []byte(`{"name":"x"}`))
	if want := "account:" + apigwtest.Account; tenant != want {
		t.Errorf("got tenant %q, want that of the function, %q", tenant, want)
	}
	if r, err := api(succeed).Serve(context.Background(), []byte(`{"name":"x"}`)); err != nil ||
		!strings.Contains(string(r.(json.RawMessage)), `"status":403`) {
		t.Errorf("a function without an ARN: got %s, %v; want 403", r, err)
	}
}

// A warm-up calls no route and begins no operation.
func TestWarmUp(t *testing.T) {
	for _, event := range []string{
		`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`,
		`{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":{}}`,
		`{"source":"serverless-plugin-warmup"}`,
		`{"warmer":true,"concurrency":3}`,
	} {
		a := api(func(context.Context, *apigw.Request) (apigw.Response, error) { panic("called") })
		got := string(apigwtest.Invoke(t, t.Context(), a.Serve, []byte(event)))
		if !strings.HasPrefix(got, `{"statusCode":200,`) || strings.Contains(got, "Operation-Id") {
			t.Errorf("%s: got %s", event, got)
		}
	}
}

// The answer to any other event says what the function takes.
func TestForeign(t *testing.T) {
	tests := []struct {
		event string
		got   string
		reply bool // the answer has a status code
	}{
		{`{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"POST","path":"/things","body":"{}"}`, "a request of an Application Load Balancer", true},
		{`{"version":"2.0","method":"POST","path":"/things","headers":{"accept":["*/*"]},"requestContext":{"serviceNetworkArn":"arn","identity":{}}}`, "a request of VPC Lattice", true},
		{`{"requestContext":{"connectionId":"c","routeKey":"$connect","eventType":"CONNECT"}}`, "a message of a WebSocket API", true},
		{`{"type":"REQUEST","methodArn":"arn","resource":"/things","httpMethod":"POST","requestContext":{"identity":{"accountId":"111122223333"}}}`, "a request for an API Gateway authorizer", false},
		{`{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}`, "records of aws:sqs", false},
		{`{"Records":[{"EventSource":"aws:sns"}]}`, "records of aws:sns", false},
		{`{"Records":[{"eventSource":"xyzzy"}]}`, "records", false},
		{`{"source":"aws.s3","detail-type":"Object Created","detail":{}}`, "an EventBridge event of aws.s3", false},
		{`{"source":"aws.events","detail-type":"Something Else"}`, "an EventBridge event of aws.events", false},
		{`{"warmer":"true"}`, "an object of another kind", false},
		{`{"key1":"xyzzy"}`, "an object of another kind", false},
		{`{}`, "an empty object", false},
		{`null`, "no JSON object", false},
		{`[{"name":"x"}]`, "no JSON object", false},
		{`"xyzzy"`, "no JSON object", false},
		{`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "no JSON object", false},
	}
	for _, tt := range tests {
		raw := apigwtest.Invoke(t, t.Context(), api(succeed).Serve, []byte(tt.event))
		body := raw
		var reply apigw.Reply
		if err := json.Unmarshal(raw, &reply); err != nil {
			t.Fatal(err)
		}
		if reply.StatusCode != 0 {
			body = []byte(reply.Body)
		}
		var p apigw.Problem
		if err := json.Unmarshal(body, &p); err != nil || p.Status != 400 || (reply.StatusCode == 400) != tt.reply {
			t.Errorf("%.80s: got %s, want a problem with status 400", tt.event, raw)
		}
		if !strings.HasPrefix(p.Detail, "the event is "+tt.got+"; this function takes requests of API Gateway") ||
			!strings.HasSuffix(p.Detail, `{"name": ...}`) {
			t.Errorf("%.80s: got detail %q, want one of %q", tt.event, p.Detail, tt.got)
		}
	}
}
