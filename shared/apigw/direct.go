package apigw

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// Direct is the one route that a function serves when it is invoked without a gateway.
// The event has the fields of the route's JSON body, and the path's parameters beside
// them. The answer is the body alone: after a failure it is the problem document, which
// has a "status".
type Direct struct {
	Route  string   // of Routes, such as "PUT /documents/{document_id}"
	Fields []string // an event with any of these is a direct invocation; without Fields an empty object is
}

// matches tells whether an event is a direct invocation.
func (d Direct) matches(o exact.Object) bool {
	for _, f := range d.Fields {
		if _, ok := o.Fields[f]; ok {
			return true
		}
	}
	return o.Fields != nil && len(d.Fields) == 0 && len(o.Fields) == 0
}

// readDirect fills in c as if the event had come through a gateway: the path's
// parameters percent-encoded, everything else in the body, in the order of the event.
func (d Direct) readDirect(c *call, event json.RawMessage, o exact.Object) {
	method, pattern, _ := strings.Cut(d.Route, " ")
	c.method = method
	c.route = d.Route
	c.params = map[string]string{}
	c.headers = map[string][]string{"content-type": {"application/json"}}
	for part := range strings.SplitSeq(pattern, "/") {
		if name, ok := parameter(part); ok {
			c.params[name] = url.PathEscape(o.Text(name))
		}
	}
	fields, _, _ := exact.Members(event) // no error: exact.Read read it before
	var body bytes.Buffer
	for _, f := range fields {
		if _, ok := c.params[f.Name]; ok {
			continue
		}
		name, _ := json.Marshal(f.Name) // a string: cannot fail
		if body.Len() > 0 {
			body.WriteByte(',')
		}
		body.Write(name)
		body.WriteByte(':')
		body.Write(f.Raw)
	}
	c.body = "{" + body.String() + "}"
}

// example shows what the event looks like, for an error's reader.
func (d Direct) example() string {
	if len(d.Fields) == 0 {
		return "{}"
	}
	return `{"` + strings.Join(d.Fields, `": ..., "`) + `": ...}`
}

// directTenant is the tenant of a direct invocation: the function's own account, under
// the rule account. The other rules refuse it, since Lambda does not tell a function who
// invoked it.
func (r rule) directTenant(functionARN string) (string, error) {
	if r.Local != "" {
		return r.Local, nil
	}
	if !r.isAccount() {
		return "", fault.New(fault.Forbidden, "RAGTIME_TENANT_FROM=%s does not tell for whom a direct invocation acts; send the request to the API instead", r.Tenancy)
	}
	part := strings.Split(functionARN, ":") // arn:aws:lambda:<region>:<account>:function:<name>
	if len(part) < 7 || !accountID.MatchString(part[4]) {
		return "", fault.New(fault.Forbidden, "the account of this function is not known")
	}
	return "account:" + part[4], nil
}
