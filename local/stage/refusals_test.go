package stage

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// rules are a template's section Rules.
type rules map[string]struct {
	RuleCondition yaml.Node `yaml:"RuleCondition"`
	Assertions    []struct {
		Assert            yaml.Node `yaml:"Assert"`
		AssertDescription string    `yaml:"AssertDescription"`
	} `yaml:"Assertions"`
}

func readRules(text string) (rules, error) {
	var t struct {
		Rules rules `yaml:"Rules"`
	}
	err := yaml.Unmarshal([]byte(text), &t)
	return t.Rules, err
}

// refusals returns the descriptions of the assertions that do not hold. CloudFormation
// refuses the parameters if there is one. The value of a list parameter has commas.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
func (rs rules) refusals(parameters map[string]string) (refused []string, err error) {
	for name, rule := range rs {
		if !rule.RuleCondition.IsZero() {
			applies, err := evalRule(&rule.RuleCondition, parameters)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if !applies {
				continue
			}
		}
		for _, a := range rule.Assertions {
			ok, err := evalRule(&a.Assert, parameters)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if !ok {
				refused = append(refused, a.AssertDescription)
			}
		}
	}
	return refused, nil
}

// splitFunction splits a function, in its short or its long form, into name and argument.
func splitFunction(n *yaml.Node) (function string, argument *yaml.Node) {
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		return strings.TrimPrefix(n.Content[0].Value, "Fn::"), n.Content[1]
	}
	return strings.TrimPrefix(n.Tag, "!"), n
}

// evalRule evaluates a rule's condition or assertion.
func evalRule(n *yaml.Node, parameters map[string]string) (bool, error) {
	function, argument := splitFunction(n)
	switch function {
	case "And", "Or", "Not":
		for _, part := range argument.Content {
			ok, err := evalRule(part, parameters)
			if err != nil {
				return false, err
			}
			if ok != (function == "And") {
				return function == "Or", nil
			}
		}
		return function != "Or", nil
	case "Equals", "Contains", "EachMemberEquals":
		if len(argument.Content) != 2 {
			return false, fmt.Errorf("line %d: %s needs two arguments", n.Line, function)
		}
		left, err := ruleValues(argument.Content[0], parameters)
		if err != nil {
			return false, err
		}
		right, err := ruleValues(argument.Content[1], parameters)
		if err != nil {
			return false, err
		}
		equal := 0
		for _, v := range left {
			if v == right[0] {
				equal++
			}
		}
		if function == "Contains" {
			return equal > 0, nil
		}
		return equal == len(left), nil
	}
	return false, fmt.Errorf("line %d: a rule cannot have %s", n.Line, function)
}

// ruleValues returns the values of a literal, a list or a parameter.
func ruleValues(n *yaml.Node, parameters map[string]string) ([]string, error) {
	function, argument := splitFunction(n)
	if function == "Ref" {
		v, ok := parameters[argument.Value]
		if !ok {
			return nil, fmt.Errorf("line %d: there is no parameter %s", n.Line, argument.Value)
		}
		return strings.Split(v, ","), nil
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}, nil
	case yaml.SequenceNode:
		var all []string
		for _, item := range n.Content {
			all = append(all, item.Value)
		}
		return all, nil
	}
	return nil, fmt.Errorf("line %d: want a value, a list or a !Ref", n.Line)
}
