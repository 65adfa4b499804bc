package gateway

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The resource types that Load reads.
const (
	kindAPI      = "AWS::Serverless::Api"
	kindFunction = "AWS::Serverless::Function"
	kindTable    = "AWS::DynamoDB::Table"
)

// integer resolves a node to a whole number within [least, most]; missing gives def.
func (d *document) integer(n *yaml.Node, what string, def, least, most int) int {
	if n == nil {
		return def
	}
	before := len(d.errs)
	text := d.text(n, what)
	if len(d.errs) > before {
		return def
	}
	i, err := strconv.Atoi(text)
	if err != nil || i < least || i > most {
		d.errorf(n, "%s: %q is not a whole number from %d to %d", what, text, least, most)
		return def
	}
	return i
}

func (d *document) readAPI() API {
	var api API
	for _, r := range d.resources {
		if r.kind != kindAPI {
			continue
		}
		if api.LogicalID != "" {
			d.errorf(r.at, "%s: a second API; one gateway serves one, %s", r.id, api.LogicalID)
			continue
		}
		api = API{LogicalID: r.id, Authorizer: authNone}
		if stage := child(r.properties, "StageName"); stage != nil {
			api.Stage = d.text(stage, r.id+" StageName")
		} else {
			d.errorf(r.at, "%s: StageName is missing", r.id)
		}
		if a := child(child(r.properties, "Auth"), "DefaultAuthorizer"); a != nil {
			api.Authorizer = d.authorizer(a, r.id+" DefaultAuthorizer")
		}
		for _, n := range items(child(r.properties, "BinaryMediaTypes")) {
			// SAM writes a slash as ~1, as in a JSON pointer.
			mediaType := strings.ReplaceAll(d.text(n, r.id+" BinaryMediaTypes"), "~1", "/")
			api.BinaryMediaTypes = append(api.BinaryMediaTypes, strings.ToLower(mediaType))
		}
	}
	return api
}

func (d *document) authorizer(n *yaml.Node, what string) string {
	name := d.text(n, what)
	if name != authIAM && name != authNone {
		d.errorf(n, "%s: the local gateway knows AWS_IAM and NONE, not %q", what, name)
	}
	return name
}

// readGlobals gives what every function starts from: Lambda's defaults (3 s,
// 128 MB) and Globals over them.
func (d *document) readGlobals(globals *yaml.Node) Function {
	return d.override(Function{Timeout: 3 * time.Second, MemoryMB: 128}, "Globals", globals)
}

func (d *document) readFunction(r resource, base Function) Function {
	f := d.override(base, r.id, r.properties)
	f.LogicalID = r.id
	f.Name = strings.ToLower(strings.TrimSuffix(r.id, "Function"))
	return f
}

// override returns f with the properties that are set; environments are merged
// name by name, as SAM does.
func (d *document) override(f Function, what string, properties *yaml.Node) Function {
	seconds := d.integer(child(properties, "Timeout"), what+" Timeout", int(f.Timeout/time.Second), 1, 900)
	f.Timeout = time.Duration(seconds) * time.Second
	f.MemoryMB = d.integer(child(properties, "MemorySize"), what+" MemorySize", f.MemoryMB, 128, 10240)
	environment := map[string]string{}
	maps.Copy(environment, f.Environment)
	for name, value := range pairs(child(child(properties, "Environment"), "Variables")) {
		environment[name.Value] = d.text(value, what+" Environment "+name.Value)
	}
	f.Environment = environment
	return f
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"}

// readRoutes reads a function's Api events; events of other types are not
// HTTP and ignored.
func (d *document) readRoutes(r resource, api API) []Route {
	var routes []Route
	for name, event := range pairs(child(r.properties, "Events")) {
		if literal(child(event, "Type")) != "Api" {
			continue
		}
		what := r.id + " event " + name.Value
		properties := child(event, "Properties")
		path, method := child(properties, "Path"), child(properties, "Method")
		if path == nil || method == nil {
			d.errorf(name, "%s: Path and Method are both needed", what)
			continue
		}
		if id := child(properties, "RestApiId"); id == nil {
			d.errorf(name, "%s: RestApiId is missing: without it SAM makes a second API", what)
		} else if follow(id).Tag != "!Ref" || id.Value != api.LogicalID {
			d.errorf(id, "%s: RestApiId is not a !Ref to the template's %s", what, kindAPI)
		}
		route := Route{
			Method:     strings.ToUpper(d.text(method, what+" Method")),
			Path:       d.text(path, what+" Path"),
			Function:   r.id,
			Authorizer: api.Authorizer,
		}
		if a := child(child(properties, "Auth"), "Authorizer"); a != nil {
			route.Authorizer = d.authorizer(a, what+" Authorizer")
		}
		if !slices.Contains(methods, route.Method) {
			d.errorf(method, "%s: unknown method %q", what, route.Method)
		}
		if problem := checkPath(route.Path); problem != "" {
			d.errorf(path, "%s: path %q: %s", what, route.Path, problem)
		}
		d.checkRoute(path, what, route)
		routes = append(routes, route)
	}
	return routes
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
		} else if a, b := siblings(earlier.Path, route.Path); a != b {
			// API Gateway's own rule; it would reject the deployment.
			d.errorf(at, "%s: %s beside %s: variables in one place must have one name", what, b, a)
			break
		}
	}
	d.routes = append(d.routes, route)
}

// siblings returns the first parts in which two paths differ, if both are
// variables of the same kind and all before them is equal; else "", "".
func siblings(a, b string) (string, string) {
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
