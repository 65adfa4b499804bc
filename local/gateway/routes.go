package gateway

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// anyMethod is how an OpenAPI body writes ANY.
const anyMethod = "x-amazon-apigateway-any-method"

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"}

// readRoutes reads the operations of an API's OpenAPI body, in file order.
func (d *document) readRoutes(api string, body *yaml.Node) []Route {
	schemes := child(child(body, "components"), "securitySchemes")
	var routes []Route
	for path, operations := range pairs(child(body, "paths")) {
		if problem := checkPath(path.Value); problem != "" {
			d.errorf(path, "%s: path %q: %s", api, path.Value, problem)
		}
		for name, operation := range pairs(operations) {
			method := strings.ToUpper(strings.Replace(name.Value, anyMethod, "any", 1))
			what := api + " " + method + " " + path.Value
			if !slices.Contains(methods, method) {
				d.errorf(name, "%s: unknown method %q", what, method)
				continue
			}
			route := d.integration(name, operation, what)
			route.Method = method
			route.Path = path.Value
			route.Authorizer = d.authorizer(name, operation, schemes, what)
			d.checkRoute(name, what, route)
			routes = append(routes, route)
		}
	}
	return routes
}

// functionURI matches an integration's URI. Its groups are the function and the last part, which says how to invoke it.
var functionURI = regexp.MustCompile(`/functions/\$\{([A-Za-z0-9]+)\.Arn\}(?::[A-Za-z0-9_-]+)?/(invocations|response-streaming-invocations)$`)

// uriEndings is how a URI ends, by whether the route streams: the date of Lambda's API and the last part.
var uriEndings = map[bool]string{
	false: "2015-03-31/functions/.../invocations",
	true:  "2021-11-15/functions/.../response-streaming-invocations",
}

// The longest integration timeouts, in milliseconds: the default quota of a buffered response, and the limit of a
// streamed one ("Stream the integration response for your proxy integrations in API Gateway").
const (
	maxBufferedMillis = 29_000
	maxStreamedMillis = 900_000
)

// integration reads an operation's x-amazon-apigateway-integration. It sets the route's Function, Streams and Timeout.
func (d *document) integration(at, operation *yaml.Node, what string) Route {
	settings := child(operation, "x-amazon-apigateway-integration")
	uri := child(settings, "uri")
	if uri == nil {
		d.errorf(at, "%s: x-amazon-apigateway-integration has no uri", what)
		return Route{}
	}
	found := functionURI.FindStringSubmatch(uri.Value)
	if uri.Tag != "!Sub" || found == nil {
		d.errorf(uri, "%s: the integration's uri is not a !Sub that ends in /functions/${Function.Arn}:<alias>/invocations, or /response-streaming-invocations", what)
		return Route{}
	}
	if r, ok := d.resource(found[1]); !ok || r.kind != kindFunction {
		d.errorf(uri, "%s: there is no function %s", what, found[1])
	}
	route := Route{Function: found[1]}
	most := maxBufferedMillis
	switch mode := literal(child(settings, "responseTransferMode")); mode {
	case "", "BUFFERED":
	case "STREAM":
		route.Streams = true
		most = maxStreamedMillis
	default:
		d.errorf(uri, "%s: responseTransferMode %q is neither BUFFERED nor STREAM", what, mode)
	}
	if streams := found[2] == "response-streaming-invocations"; streams != route.Streams {
		d.errorf(uri, "%s: with this responseTransferMode the integration's uri ends in %s", what, uriEndings[route.Streams])
	}
	milliseconds := d.integer(child(settings, "timeoutInMillis"), what+" timeoutInMillis", maxBufferedMillis, 50, most)
	route.Timeout = time.Duration(milliseconds) * time.Millisecond
	return route
}

// authorizer returns authNone or authIAM for an operation. No other authorizer
// exists on this machine.
func (d *document) authorizer(at, operation, schemes *yaml.Node, what string) string {
	requirements := items(child(operation, "security"))
	if len(requirements) == 0 {
		return authNone
	}
	for name := range pairs(requirements[0]) {
		scheme := d.resolveIf(child(schemes, name.Value), what)
		if kind := literal(child(scheme, "x-amazon-apigateway-authtype")); kind != "awsSigv4" {
			d.errorf(name, "%s: the local gateway verifies awsSigv4, and the scheme %s is %q", what, name.Value, kind)
		}
		return authIAM
	}
	d.errorf(at, "%s: security names no scheme", what)
	return authIAM
}

var variable = regexp.MustCompile(`^\{[A-Za-z0-9._$:-]+\+?\}$`)

// checkPath returns what is wrong with a path pattern, or "".
func checkPath(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "it must begin with /"
	}
	if path == "/" {
		return ""
	}
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		switch {
		case part == "":
			return "it has an empty part"
		case !strings.ContainsAny(part, "{}"):
		case !variable.MatchString(part):
			return "a variable is a whole part, {name} or {name+}"
		case strings.HasSuffix(part, "+}") && i < len(parts)-1:
			return "{name+} must be the last part"
		}
	}
	return ""
}

// checkRoute compares a route with all before it, across functions.
func (d *document) checkRoute(at *yaml.Node, what string, route Route) {
	for _, earlier := range d.routes {
		if earlier.Method == route.Method && earlier.Path == route.Path {
			d.errorf(at, "%s: %s %s belongs to %s already", what, route.Method, route.Path, earlier.Function)
		} else if a, b := conflictingVariables(earlier.Path, route.Path); a != b {
			// API Gateway's own rule; it would reject the deployment.
			d.errorf(at, "%s: %s beside %s: variables in one place must have one name", what, b, a)
			break
		}
	}
	d.routes = append(d.routes, route)
}

// conflictingVariables returns the first parts in which two paths differ, if both parts
// are variables of the same kind. Otherwise it returns "", "".
func conflictingVariables(a, b string) (string, string) {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	for i := range min(len(as), len(bs)) {
		if as[i] == bs[i] {
			continue
		}
		if variable.MatchString(as[i]) && variable.MatchString(bs[i]) &&
			strings.HasSuffix(as[i], "+}") == strings.HasSuffix(bs[i], "+}") {
			return as[i], bs[i]
		}
		break
	}
	return "", ""
}
