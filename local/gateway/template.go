package gateway

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// Authorizers of a [Route].
const (
	authIAM  = "AWS_IAM"
	authNone = "NONE"
)

// Template is what a SAM template says about the system, with every parameter
// and intrinsic function resolved. Functions and Routes are in file order.
type Template struct {
	Parameters map[string]string // every template parameter, overrides applied
	API        API
	Functions  []Function
	Routes     []Route
	Table      Table // zero when the template has no DynamoDB table
}

// API is the template's one AWS::Serverless::Api.
type API struct {
	LogicalID        string
	Stage            string
	BinaryMediaTypes []string // such as "image/png" or "*/*"; nil when none
}

// Function is one AWS::Serverless::Function, Globals merged in.
type Function struct {
	LogicalID   string
	Name        string // its folder in functions/: EmbedFunction is "embed"
	Timeout     time.Duration
	MemoryMB    int
	Environment map[string]string // never nil
}

// Route is one operation of the API's OpenAPI body.
type Route struct {
	Method     string        // upper case; "ANY" for all
	Path       string        // such as "/documents/{document_id}" or "/{proxy+}"
	Function   string        // the function's logical id
	Authorizer string        // AWS_IAM or NONE
	Streams    bool          // responseTransferMode is STREAM: the response is passed on as it comes
	Timeout    time.Duration // of the integration, to the end of the response; 29 s unless timeoutInMillis is set
}

// Function returns the function with a logical id.
func (t *Template) Function(logicalID string) (Function, bool) {
	for _, f := range t.Functions {
		if f.LogicalID == logicalID {
			return f, true
		}
	}
	return Function{}, false
}

// Load reads a SAM template.
//
// parameters overrides three kinds of names: template parameters; the pseudo
// parameters (AWS::Region and its kin, which have values fit for one machine);
// and resources, by logical id, whose value is then the physical name that
// !Ref gives. A resource not named there is called "<AWS::StackName>-<logical
// id>", as CloudFormation does without its random ending: ragtime-Table.
//
// Only what this package uses is resolved: functions' timeouts, memory,
// environment, the API with the routes of its body, and the table. Other resources and
// properties may hold anything. The error joins all mistakes, each beginning
// with file:line; the Template is nil then.
func Load(path string, parameters map[string]string) (*Template, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d := &document{file: path, overrides: parameters}
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:1: the template is not a mapping of sections", path)
	}
	t := d.load(root.Content[0])
	if err := errors.Join(d.errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// document is a template while it is read. Its methods record a mistake and go
// on, so that a person sees all mistakes at once.
type document struct {
	file       string
	overrides  map[string]string
	parameters map[string]string
	missing    map[string]bool // parameters without a value, reported once
	conditions *yaml.Node      // the section Conditions, evaluated on demand
	resources  []resource
	routes     []Route // those read so far, to find clashes across functions
	errs       []error
}

type resource struct {
	id, kind   string
	at         *yaml.Node // its logical id, for messages
	properties *yaml.Node // nil when it has none
}

func (d *document) errorf(at *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("%s:%d: %s", d.file, at.Line, fmt.Sprintf(format, args...)))
}

func (d *document) load(root *yaml.Node) *Template {
	for key, value := range pairs(child(root, "Resources")) {
		d.resources = append(d.resources, resource{
			id:         key.Value,
			kind:       literal(child(value, "Type")),
			at:         key,
			properties: child(value, "Properties"),
		})
	}
	d.conditions = child(root, "Conditions")
	d.readParameters(child(root, "Parameters"))
	d.checkOverrides()

	t := &Template{Parameters: d.parameters}
	t.API, t.Routes = d.readAPI()
	base := d.readGlobals(child(child(root, "Globals"), "Function"))
	for _, r := range d.resources {
		if r.kind == kindFunction {
			t.Functions = append(t.Functions, d.readFunction(r, base))
		}
	}
	t.Table = d.readTable()
	return t
}

func (d *document) resource(id string) (resource, bool) {
	for _, r := range d.resources {
		if r.id == id {
			return r, true
		}
	}
	return resource{}, false
}
