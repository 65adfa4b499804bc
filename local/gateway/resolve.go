package gateway

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pseudo are CloudFormation's pseudo parameters as they are on one machine.
var pseudo = map[string]string{
	"AWS::AccountId": localAccount,
	"AWS::Partition": "aws",
	"AWS::Region":    "us-east-1",
	"AWS::StackId":   "arn:aws:cloudformation:us-east-1:" + localAccount + ":stack/ragtime/local",
	"AWS::StackName": "ragtime",
	"AWS::URLSuffix": "amazonaws.com",
}

// readParameters gives every template parameter its value and checks it as
// CloudFormation would before creating anything.
func (d *document) readParameters(section *yaml.Node) {
	d.parameters = map[string]string{}
	d.missing = map[string]bool{}
	for key, spec := range pairs(section) {
		name := key.Value
		value, given := d.overrides[name]
		if !given {
			def := child(spec, "Default")
			if def == nil {
				d.errorf(key, "parameter %s has no default: give it a value", name)
				d.missing[name] = true
				continue
			}
			value = literal(def)
		}
		d.parameters[name] = value
		d.checkParameter(key, spec, value)
	}
}

func (d *document) checkParameter(key, spec *yaml.Node, value string) {
	if pattern := child(spec, "AllowedPattern"); pattern != nil {
		// CloudFormation matches the whole value.
		re, err := regexp.Compile(`^(?:` + literal(pattern) + `)$`)
		switch {
		case err != nil:
			d.errorf(pattern, "parameter %s: %v", key.Value, err)
		case !re.MatchString(value):
			d.errorf(key, "parameter %s: %q does not match AllowedPattern %s", key.Value, value, literal(pattern))
		}
	}
	if allowed := items(child(spec, "AllowedValues")); len(allowed) > 0 {
		if !slices.ContainsFunc(allowed, func(n *yaml.Node) bool { return literal(n) == value }) {
			d.errorf(key, "parameter %s: %q is not one of AllowedValues", key.Value, value)
		}
	}
	if literal(child(spec, "Type")) != "Number" {
		return
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		d.errorf(key, "parameter %s: %q is not a number", key.Value, value)
		return
	}
	if least := child(spec, "MinValue"); least != nil && number < d.float(least) {
		d.errorf(key, "parameter %s: %s is less than MinValue %s", key.Value, value, literal(least))
	}
	if most := child(spec, "MaxValue"); most != nil && number > d.float(most) {
		d.errorf(key, "parameter %s: %s is more than MaxValue %s", key.Value, value, literal(most))
	}
}

func (d *document) float(n *yaml.Node) float64 {
	f, err := strconv.ParseFloat(literal(n), 64)
	if err != nil {
		d.errorf(n, "%q is not a number", literal(n))
	}
	return f
}

// checkOverrides catches misspelt names: they would otherwise change nothing.
func (d *document) checkOverrides() {
	for _, name := range slices.Sorted(maps.Keys(d.overrides)) {
		_, isParameter := d.parameters[name]
		_, isPseudo := pseudo[name]
		_, isResource := d.resource(name)
		if !isParameter && !isPseudo && !isResource {
			d.errorf(&yaml.Node{Line: 1}, "a value was given for %s, which is neither a parameter nor a resource", name)
		}
	}
}

// text resolves a node to a string: a scalar, !Ref, !Sub, !GetAtt, or !Join of a
// list parameter, in short or long form. what names the place in messages. For a
// node that does not resolve, it records a mistake and returns "".
func (d *document) text(n *yaml.Node, what string) string {
	n = follow(n)
	switch {
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && strings.HasPrefix(n.Content[0].Value, "Fn::"):
		return d.call(n, "!"+strings.TrimPrefix(n.Content[0].Value, "Fn::"), follow(n.Content[1]), what)
	case n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "Ref":
		return d.call(n, "!Ref", follow(n.Content[1]), what)
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		return d.call(n, n.Tag, n, what)
	case n.Kind == yaml.ScalarNode:
		return n.Value
	}
	d.errorf(n, "%s: want a single value", what)
	return ""
}

func (d *document) call(at *yaml.Node, function string, arg *yaml.Node, what string) string {
	switch {
	case function == "!Ref" && arg.Kind == yaml.ScalarNode:
		return d.ref(at, arg.Value, what)
	case function == "!GetAtt" && arg.Kind == yaml.ScalarNode:
		id, attribute, _ := strings.Cut(arg.Value, ".")
		return d.attribute(at, id, attribute, what)
	case function == "!GetAtt" && len(items(arg)) == 2:
		return d.attribute(at, literal(items(arg)[0]), literal(items(arg)[1]), what)
	case function == "!Join" && len(items(arg)) == 2:
		// Only a parameter can be a list here. Its value has commas between the items.
		return strings.ReplaceAll(d.text(items(arg)[1], what), ",", literal(items(arg)[0]))
	case function == "!Sub" && arg.Kind == yaml.ScalarNode:
		return d.sub(at, arg.Value, nil, what)
	case function == "!Sub" && len(items(arg)) == 2:
		return d.sub(at, literal(items(arg)[0]), items(arg)[1], what)
	}
	d.errorf(at, "%s: cannot resolve %s here; use a plain value, !Ref, !Sub or !GetAtt", what, function)
	return ""
}

func (d *document) ref(at *yaml.Node, name, what string) string {
	if v, ok := d.parameters[name]; ok {
		return v
	}
	if v, ok := d.overrides[name]; ok {
		return v
	}
	if v, ok := pseudo[name]; ok {
		return v
	}
	r, ok := d.resource(name)
	switch {
	case d.missing[name]: // reported where it is declared
	case !ok:
		d.errorf(at, "%s: %s is neither a parameter nor a resource", what, name)
	case r.kind == kindFunction, r.kind == kindTable, r.kind == kindAPI:
		return d.ref(at, "AWS::StackName", what) + "-" + name
	default:
		d.errorf(at, "%s: the physical name of %s (%s) is not known: give it a value", what, name, r.kind)
	}
	return ""
}

func (d *document) attribute(at *yaml.Node, id, attribute, what string) string {
	r, ok := d.resource(id)
	if !ok {
		d.errorf(at, "%s: !GetAtt %s.%s: there is no resource %s", what, id, attribute, id)
		return ""
	}
	arn := func(service, rest string) string {
		return "arn:" + d.ref(at, "AWS::Partition", what) + ":" + service + ":" + d.ref(at, "AWS::Region", what) +
			":" + d.ref(at, "AWS::AccountId", what) + ":" + rest + d.ref(at, id, what)
	}
	switch {
	case attribute == "Arn" && r.kind == kindTable:
		return arn("dynamodb", "table/")
	case attribute == "Arn" && r.kind == kindFunction:
		return arn("lambda", "function:")
	}
	d.errorf(at, "%s: cannot resolve !GetAtt %s.%s (%s)", what, id, attribute, r.kind)
	return ""
}

var substitution = regexp.MustCompile(`\$\{[^}]*\}`)

func (d *document) sub(at *yaml.Node, format string, variables *yaml.Node, what string) string {
	return substitution.ReplaceAllStringFunc(format, func(s string) string {
		name := strings.TrimSpace(s[2 : len(s)-1])
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		if v := child(variables, name); v != nil {
			return d.text(v, what)
		}
		if id, attribute, ok := strings.Cut(name, "."); ok {
			return d.attribute(at, id, attribute, what)
		}
		return d.ref(at, name, what)
	})
}
