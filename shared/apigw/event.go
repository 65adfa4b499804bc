package apigw

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"ragtime/shared/exact"
	"ragtime/shared/fault"
)

// kind is the kind of an event.
type kind string

const (
	kindREST    kind = "payload 1.0"       // of a REST API, or of an HTTP API that asks for it
	kindHTTP    kind = "payload 2.0"       // of an HTTP API or a function URL
	kindDirect  kind = "direct invocation" // the fields of one route: see Direct
	kindWarmUp  kind = "warm-up"           // a ping or a schedule, which only starts the process
	kindForeign kind = "foreign"           // anything else, which is refused
)

// call is one request, whatever kind of event it came in.
type call struct {
	kind        kind
	proxied     bool   // a gateway or a load balancer takes the answer: it needs a status and headers
	description string // of a foreign event: what it seems to be

	method string
	route  string            // the key in Routes of the route that the gateway chose; any other text if it chose none
	paths  []string          // that the request may mean: see candidatePaths
	params map[string]string // of the path, percent-encoded

	headers       map[string][]string // by lower-case name
	tenantHeaders []string            // all values of Ragtime-Tenant, from both fields that have headers
	query         map[string][]string
	body          string
	isBase64      bool // the body is base64

	identity  identity
	requestID string // the gateway's id of the request, for logs
	apiID     string
}

// identity is what the gateway verified of a caller. It is read from fields that only
// the gateway can write, and never from requestContext.accountId, which is the owner of
// the API.
type identity struct {
	account, caller, arn string                     // of an IAM caller
	fromIdentityPool     bool                       // an IAM caller whose role a Cognito identity pool lent
	claims               map[string]json.RawMessage // of a token that a Cognito or JWT authorizer verified; nil without
	authorizer           map[string]json.RawMessage // what a Lambda authorizer said; nil without
}

// isEmpty tells whether the gateway verified nothing.
func (i identity) isEmpty() bool {
	return i.account == "" && i.caller == "" && i.arn == "" && i.claims == nil && i.authorizer == nil
}

// kinds lists the kinds of identity that i has, for logs.
func (i identity) kinds() string {
	var found []string
	for _, k := range []struct {
		name string
		ok   bool
	}{
		{"iam", i.account != "" || i.caller != "" || i.arn != ""},
		{"claims", i.claims != nil},
		{"authorizer", i.authorizer != nil},
	} {
		if k.ok {
			found = append(found, k.name)
		}
	}
	if found == nil {
		return "none"
	}
	return strings.Join(found, ", ")
}

// read reads an event. The error is a fault of kind Invalid. The call's kind and proxied
// are set even then, since the shape of the answer depends on them.
func (d Direct) read(event json.RawMessage) (call, error) {
	o := exact.Read(event)
	rc := o.Object("requestContext")
	c := call{kind: kindForeign}
	switch {
	case o.Has("methodArn") || o.Has("routeArn"): // has most fields of a request, but asks for a policy
		c.description = "a request for an API Gateway authorizer"
	case rc.Has("elb"):
		c.proxied = true
		c.description = "a request of an Application Load Balancer"
	case rc.Has("serviceNetworkArn"):
		c.proxied = true
		c.description = "a request of VPC Lattice"
	case rc.Has("connectionId"):
		c.proxied = true
		c.description = "a message of a WebSocket API"
	case rc.Has("http") && o.Has("httpMethod"):
		c.proxied = true
		c.description = "of payload 1.0 and 2.0 at once"
	case rc.Has("http"):
		c = call{kind: kindHTTP, proxied: true}
		c.readHTTP(o, rc)
	case o.Has("httpMethod"):
		c = call{kind: kindREST, proxied: true}
		c.readREST(o, rc)
	case isWarmUp(o):
		c.kind = kindWarmUp
	case d.matches(o):
		c = call{kind: kindDirect}
		d.readDirect(&c, event, o)
	default:
		c.description = describeEvent(o)
	}
	return c, o.Err()
}

// readREST reads payload 1.0.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
func (c *call) readREST(o, rc exact.Object) {
	c.method = o.Text("httpMethod")
	c.body = o.Text("body")
	c.isBase64 = o.Flag("isBase64Encoded")
	c.route = c.method + " " + o.Text("resource")
	c.paths = candidatePaths(o.Text("path"), rc.Text("stage"))
	c.params = o.Texts("pathParameters")
	single := o.Texts("headers")
	multi := o.Lists("multiValueHeaders")
	c.readHeaders(single, multi)
	c.query = map[string][]string{}
	for name, v := range o.Texts("queryStringParameters") {
		c.query[name] = []string{v}
	}
	maps.Copy(c.query, o.Lists("multiValueQueryStringParameters"))

	id := rc.Object("identity")
	c.identity = identity{
		account:          id.Text("accountId"),
		caller:           id.Text("caller"),
		arn:              id.Text("userArn"),
		fromIdentityPool: id.Has("cognitoIdentityId"),
	}
	auth := rc.Object("authorizer")
	switch {
	case auth.IsObject("claims"): // a Lambda authorizer's context may have claims too, but as a string
		c.identity.claims = auth.Object("claims").Fields
	case len(auth.Fields) > 0 && !allNull(auth):
		c.identity.authorizer = auth.Fields
	}
	c.requestID = rc.Text("requestId")
	c.apiID = rc.Text("apiId")
}

// allNull tells whether all of an object's members are null. An HTTP API without an
// authorizer sends {"claims": null, "scopes": null} in payload 1.0.
func allNull(o exact.Object) bool {
	for name := range o.Fields {
		if o.Has(name) {
			return false
		}
	}
	return true
}

// readHTTP reads payload 2.0, which joins a header's values with commas.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
func (c *call) readHTTP(o, rc exact.Object) {
	http := rc.Object("http")
	c.method = http.Text("method")
	c.body = o.Text("body")
	c.isBase64 = o.Flag("isBase64Encoded")
	c.route = o.Text("routeKey")
	c.paths = candidatePaths(o.Text("rawPath"), rc.Text("stage"))
	c.params = o.Texts("pathParameters")
	c.readHeaders(o.Texts("headers"), nil)
	// queryStringParameters joins values with commas too; the raw query keeps them apart.
	if q, err := url.ParseQuery(o.Text("rawQueryString")); err == nil {
		c.query = q
	} else {
		o.Fail("rawQueryString", "is not a valid query string")
	}

	auth := rc.Object("authorizer")
	iam := auth.Object("iam")
	c.identity = identity{
		account:          iam.Text("accountId"),
		caller:           iam.Text("callerId"),
		arn:              iam.Text("userArn"),
		fromIdentityPool: iam.Has("cognitoIdentity"),
	}
	if auth.Has("jwt") {
		c.identity.claims = auth.Object("jwt").Object("claims").Fields
	}
	if auth.Has("lambda") {
		c.identity.authorizer = auth.Object("lambda").Fields
	}
	c.requestID = rc.Text("requestId")
	c.apiID = rc.Text("apiId")
}

// readHeaders sets the headers, by lower-case name. Where a name is in both fields, the
// values of multi count.
func (c *call) readHeaders(single map[string]string, multi map[string][]string) {
	c.headers = map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(multi)) {
		key := strings.ToLower(name)
		c.headers[key] = append(c.headers[key], multi[name]...)
	}
	many := maps.Clone(c.headers)
	for _, name := range slices.Sorted(maps.Keys(single)) {
		key := strings.ToLower(name)
		if key == tenantHeader {
			c.tenantHeaders = append(c.tenantHeaders, single[name])
		}
		if _, ok := many[key]; !ok {
			c.headers[key] = append(c.headers[key], single[name])
		}
	}
	c.tenantHeaders = append(c.tenantHeaders, many[tenantHeader]...)
}

// candidatePaths returns the paths that a request may mean: its own and, since an HTTP
// API begins the path with its stage, the one without the stage.
func candidatePaths(path, stage string) []string {
	if rest, ok := strings.CutPrefix(path, "/"+stage); ok && stage != "" && strings.HasPrefix(rest, "/") {
		return []string{path, rest}
	}
	return []string{path}
}

// isWarmUp tells whether an event only keeps the process warm: an EventBridge schedule,
// or a ping of serverless-plugin-warmup or lambda-warmer.
func isWarmUp(o exact.Object) bool {
	is := func(name, want string) bool { return string(o.Fields[name]) == `"`+want+`"` }
	return is("detail-type", "Scheduled Event") && (is("source", "aws.events") || is("source", "aws.scheduler")) ||
		is("source", "serverless-plugin-warmup") ||
		string(o.Fields["warmer"]) == "true"
}

var sourceName = regexp.MustCompile(`^aws[.:][a-z0-9.:-]{1,40}$`)

// describeEvent says what a foreign event seems to be. Nothing in it is the sender's own
// text, since answers and logs show it.
func describeEvent(o exact.Object) string {
	var record struct {
		Source    string `json:"eventSource"`
		SNSSource string `json:"EventSource"`
	}
	var records []json.RawMessage
	if json.Unmarshal(o.Fields["Records"], &records) == nil && len(records) > 0 &&
		json.Unmarshal(records[0], &record) == nil {
		for _, s := range []string{record.Source, record.SNSSource} {
			if sourceName.MatchString(s) {
				return "records of " + s
			}
		}
		return "records"
	}
	var source string
	if json.Unmarshal(o.Fields["source"], &source) == nil && sourceName.MatchString(source) && o.Has("detail-type") {
		return "an EventBridge event of " + source
	}
	switch {
	case o.Fields == nil:
		return "no JSON object"
	case len(o.Fields) == 0:
		return "an empty object"
	}
	return "an object of another kind"
}

// unexpectedEvent is the fault for a foreign event.
func (d Direct) unexpectedEvent(description string) error {
	return fault.New(fault.Invalid, "the event is %s; this function takes requests of API Gateway (REST API, HTTP API) and of a function URL, "+
		"EventBridge schedules and warm-up pings, and, invoked directly, %s", description, d.example())
}
