package gateway

import (
	"maps"
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

// integer resolves a node to a whole number within [least, most]. A nil node gives def.
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

// readAPI reads the API and the routes of its OpenAPI body.
func (d *document) readAPI() (API, []Route) {
	var api API
	var routes []Route
	for _, r := range d.resources {
		if r.kind != kindAPI {
			continue
		}
		if api.LogicalID != "" {
			d.errorf(r.at, "%s: a second API; one gateway serves one, %s", r.id, api.LogicalID)
			continue
		}
		api = API{LogicalID: r.id}
		if stage := child(r.properties, "StageName"); stage != nil {
			api.Stage = d.text(stage, r.id+" StageName")
		} else {
			d.errorf(r.at, "%s: StageName is missing", r.id)
		}
		for _, n := range items(child(r.properties, "BinaryMediaTypes")) {
			// SAM writes a slash as ~1, as in a JSON pointer.
			mediaType := strings.ReplaceAll(d.text(n, r.id+" BinaryMediaTypes"), "~1", "/")
			api.BinaryMediaTypes = append(api.BinaryMediaTypes, strings.ToLower(mediaType))
		}
		if body := child(r.properties, "DefinitionBody"); body != nil {
			routes = d.readRoutes(r.id, body)
		} else {
			d.errorf(r.at, "%s: DefinitionBody is missing: the routes are read from it", r.id)
		}
	}
	return api, routes
}

// readGlobals returns what every function starts from: Lambda's defaults (3 s,
// 128 MB), overridden by Globals.
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
		where := what + " Environment " + name.Value
		if value = d.resolveIf(value, where); value != nil {
			environment[name.Value] = d.text(value, where)
		}
	}
	f.Environment = environment
	return f
}
