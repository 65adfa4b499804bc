package gateway

import (
	"encoding/json"
	"strings"
)

// otherSamples returns events that do not come from a REST API: payload 2.0 of an
// HTTP API and of a function URL, a load balancer's, which no function here serves,
// those that keep functions warm, and direct invocations.
func otherSamples() []Sample {
	const found = `{"query": "How much is the deductible for a family?"}`
	return []Sample{
		payload2Sample("retrieve-http-api", "retrieve", "POST", "/retrieve", "POST /retrieve", "v1", found, silver),
		payload2Sample("retrieve-http-api-get", "retrieve", "GET", "/documents/"+silver, "GET /documents/{document_id}", "v1", "", ""),
		payload2Sample("retrieve-function-url", "retrieve", "POST", "/retrieve", "$default", "$default", found, silver),
		payload2Sample("embed-function-url", "embed", "PUT", "/documents/from-a-function-url", "$default", "$default",
			`{"text": "Claims are paid within ten days."}`, ""),
		payload2Sample("diagnose-function-url", "diagnose", "POST", "/diagnose", "$default", "$default", "", ""),
		newSample("retrieve-load-balancer", "retrieve", 400, "", `{
			"requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/ragtime/6d0ecf831eec9f09"}},
			"httpMethod": "POST", "path": "/retrieve", "queryStringParameters": {}, "headers": {"content-type": "application/json"},
			"body": "{\"query\": \"glasses\"}", "isBase64Encoded": false}`),
		newSample("retrieve-schedule", "retrieve", 200, "", `{
			"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", "source": "aws.events",
			"account": "000000000000", "time": "2026-11-24T09:30:00Z", "region": "us-east-1",
			"resources": ["arn:aws:events:us-east-1:000000000000:rule/keep-warm"], "detail": {}}`),
		newSample("embed-warm-up", "embed", 200, "", `{"source": "serverless-plugin-warmup"}`),
		directSample("embed-direct", "embed", 200, "", `{"document_id": "from-a-script", "text": "The front desk opens at half past seven.", "title": "Opening hours"}`),
		directSample("retrieve-direct", "retrieve", 200, "from-a-script", `{"query": "When does the front desk open?", "top_k": 1}`),
		directSample("answer-direct", "answer", 200, "from-a-script", `{"question": "When does the front desk open?", "top_k": 1}`),
		directSample("retrieve-direct-bad-field", "retrieve", 400, "", `{"query": "When does the front desk open?", "topk": 1}`),
		directSample("retrieve-not-an-event", "retrieve", 400, "", `{"key1": "value1", "key2": "value2", "key3": "value3"}`),
		directSample("diagnose-direct", "diagnose", 200, "", `{}`),
	}
}

// payload2Sample makes a sample with payload format 2.0, from the caller who does not sign, which is answered with 200.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func payload2Sample(name, function, method, path, routeKey, stage, body, finds string) Sample {
	type object = map[string]any
	domain := "54w8u2l4gc.execute-api.us-east-1.amazonaws.com"
	full := path
	if routeKey == "$default" {
		domain = "qyrp7zaarm4ga5dcqjkzxmk3ny0xvyzp.lambda-url.us-east-1.on.aws"
	} else {
		full = "/" + stage + path // a named stage stays in the path
	}
	prefix, _, _ := strings.Cut(domain, ".")
	from := unsignedCaller.identity("", "")
	ids := metaFrom([16]byte{15: byte(len(name))}, sampleTime, "")
	event := object{
		"version":        "2.0",
		"routeKey":       routeKey,
		"rawPath":        full,
		"rawQueryString": "",
		"headers": object{
			"accept":            "*/*",
			"content-type":      jsonType,
			"host":              domain,
			"user-agent":        "curl/8.14.1",
			"x-amzn-trace-id":   ids.traceID,
			"x-forwarded-for":   "127.0.0.1",
			"x-forwarded-port":  "443",
			"x-forwarded-proto": "https",
		},
		"requestContext": object{
			"accountId":    localAccount,
			"apiId":        prefix,
			"domainName":   domain,
			"domainPrefix": prefix,
			"requestId":    ids.requestID,
			"routeKey":     routeKey,
			"stage":        stage,
			"authorizer": object{"iam": object{
				"accessKey":       *from.AccessKey,
				"accountId":       *from.AccountID,
				"callerId":        *from.Caller,
				"cognitoIdentity": nil,
				"principalOrgId":  nil,
				"userArn":         *from.UserArn,
				"userId":          *from.User,
			}},
			"http": object{
				"method":    method,
				"path":      full,
				"protocol":  "HTTP/1.1",
				"sourceIp":  "127.0.0.1",
				"userAgent": "curl/8.14.1",
			},
			"time":      sampleTime.Format("02/Jan/2006:15:04:05 -0700"),
			"timeEpoch": sampleTime.UnixMilli(),
		},
		"isBase64Encoded": false,
	}
	if body != "" {
		event["body"] = body
	}
	if id, ok := strings.CutPrefix(path, "/documents/"); ok && routeKey != "$default" {
		event["pathParameters"] = object{"document_id": id}
	}
	raw, _ := json.Marshal(event) // strings and numbers: cannot fail
	return newSample(name, function, 200, finds, string(raw))
}

func directSample(name, function string, status int, finds, event string) Sample {
	s := newSample(name, function, status, finds, event)
	s.Direct = true
	return s
}

// newSample makes a sample of an event in JSON. It indents the event and sorts its fields.
func newSample(name, function string, status int, finds, event string) Sample {
	var v any
	if err := json.Unmarshal([]byte(event), &v); err != nil {
		panic(name + ": " + err.Error()) // the events are constants
	}
	pretty, _ := json.MarshalIndent(v, "", "  ")
	return Sample{
		Name:     name,
		Function: function,
		Event:    append(pretty, '\n'),
		Status:   status,
		Finds:    finds,
	}
}
