package apigwtest

import "strings"

// M is a JSON object.
type M = map[string]any

// Call is a request that a function serves.
type Call struct {
	Method, Resource, Body string
	DocumentID             string
}

func (c Call) path() string { return strings.Replace(c.Resource, "{document_id}", c.DocumentID, 1) }

func (c Call) params() any {
	if c.DocumentID == "" {
		return nil
	}
	return M{"document_id": c.DocumentID}
}

// Caller is the session of an IAM role, as a gateway verifies it.
type Caller struct{ Account, Role, Session string }

// id is the caller's unique id, as IAM has it.
func (c Caller) id() string { return c.Role + ":" + c.Session }

// ARN is the caller's.
func (c Caller) ARN() string {
	return "arn:aws:sts::" + c.Account + ":assumed-role/" + c.Role + "/" + c.Session
}

// REST is the call as an event of payload 1.0.
func (c Call) REST(from Caller) M {
	return M{
		"resource":          c.Resource,
		"path":              c.path(),
		"httpMethod":        c.Method,
		"pathParameters":    c.params(),
		"headers":           M{"Content-Type": "application/json", "Host": "api.example.com"},
		"multiValueHeaders": M{"Content-Type": []any{"application/json"}, "Host": []any{"api.example.com"}},
		"requestContext": M{
			"accountId":    Account,
			"apiId":        "54w8u2l4gc",
			"requestId":    "87857ee1",
			"stage":        "v1",
			"resourcePath": c.Resource,
			"identity": M{
				"accountId":         from.Account,
				"caller":            from.id(),
				"user":              from.id(),
				"userArn":           from.ARN(),
				"accessKey":         "ASIAEXAMPLE",
				"cognitoIdentityId": nil,
				"sourceIp":          "192.0.2.1",
			},
		},
		"body":            c.Body,
		"isBase64Encoded": false,
	}
}

// HTTP is the call as an event of payload 2.0.
func (c Call) HTTP(from Caller) M {
	return M{
		"version":        "2.0",
		"routeKey":       "$default",
		"rawPath":        c.path(),
		"rawQueryString": "",
		"headers":        M{"content-type": "application/json", "host": "api.example.com"},
		"requestContext": M{
			"accountId": Account,
			"apiId":     "54w8u2l4gc",
			"requestId": "87857ee1",
			"stage":     "$default",
			"routeKey":  "$default",
			"authorizer": M{"iam": M{
				"accessKey":       "ASIAEXAMPLE",
				"accountId":       from.Account,
				"callerId":        from.id(),
				"cognitoIdentity": nil,
				"userArn":         from.ARN(),
				"userId":          from.id(),
			}},
			"http": M{"method": c.Method, "path": c.path(), "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
		},
		"body":            c.Body,
		"isBase64Encoded": false,
	}
}
