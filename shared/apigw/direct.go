package apigw

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// Direct is the one call that a function answers when it is invoked without a
// gateway: its event holds the fields of the route's JSON body, and the path's
// parameters beside them. The answer is the body alone, of a failure the problem
// document, whose "status" tells the two apart.
type Direct struct {
	Route  string   // of Routes, such as "PUT /documents/{document_id}"
	Fields []string // an event with any of these is the call; none: an empty object is
}

// matches tells whether an event is the call.
func (d Direct) matches(o exact.Object) bool {
	for _, f := range d.Fields {
		if _, ok := o.Fields[f]; ok {
			return true
		}
	}
	return o.Fields != nil && len(d.Fields) == 0 && len(o.Fields) == 0
}

// readDirect makes the call of its event: the path's parameters go where a gateway has
// them, percent-encoded, and the rest is the body, in its order.
func (d Direct) readDirect(c *call, event json.RawMessage, o exact.Object) {
	method, pattern, _ := strings.Cut(d.Route, " ")
	c.method, c.route, c.params = method, d.Route, map[string]string{}
	c.headers = map[string][]string{"content-type": {"application/json"}}
	for part := range strings.SplitSeq(pattern, "/") {
		if name, ok := parameter(part); ok {
			c.params[name] = url.PathEscape(o.Text(name))
		}
	}
	fields, _, _ := exact.Members(event) // exact.Read has read it
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

// example shows the event of the call.
func (d Direct) example() string {
	if len(d.Fields) == 0 {
		return "{}"
	}
	return `{"` + strings.Join(d.Fields, `": ..., "`) + `": ...}`
}

// tenant is whose documents a direct invocation sees: those of the function's own
// account, as everybody whom IAM lets invoke it sees them under the rule account.
// The other rules need to know more of a caller than Lambda tells.
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
