package stage

import (
	"fmt"
	"regexp"
	"strings"
)

var methods = []string{"get", "put", "post", "delete", "patch", "head", "x-amazon-apigateway-any-method"}

// aliasURI matches an integration's URI of a function's alias. Its group is the function.
var aliasURI = regexp.MustCompile(`/functions/\$\{([A-Za-z0-9]+)\.Arn\}:live/(?:response-streaming-)?invocations$`)

// findOpenings returns the ways in which callers could get past the authorizer.
// authtype is the x-amazon-apigateway-authtype that each method must have. shared says
// that there must be a resource policy, which names accounts.
func findOpenings(r resources, authtype string, shared bool) []string {
	var found []string
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	allowed := readPermissions(r, add)
	operations := 0
	for name, resource := range r {
		switch resource.Type {
		case "AWS::Lambda::Url":
			add("%s: a function URL", name)
		case "AWS::ApiGateway::Method", "AWS::ApiGatewayV2::Api":
			add("%s: an API beside the body", name)
		case "AWS::ApiGateway::RestApi":
			operations += checkAPI(resource.Properties["Body"], authtype, shared, allowed, add)
		}
	}
	if operations < 8 {
		add("%d operations, want at least the 8 that there were", operations)
	}
	if authtype == "custom" && !allowed["arn:aws:lambda:us-east-1:000000000000:function:judge"] {
		add("API Gateway may not ask the authorizer")
	}
	return found
}

// readPermissions returns what API Gateway may invoke: aliases by logical id, other functions by ARN.
func readPermissions(r resources, add func(string, ...any)) map[string]bool {
	allowed := map[string]bool{}
	for name, p := range r {
		if p.Type != "AWS::Lambda::Permission" {
			continue
		}
		if p.Properties["Principal"] != "apigateway.amazonaws.com" {
			add("%s: not for API Gateway alone", name)
		}
		if source := fmt.Sprint(lookup(p.Properties, "SourceArn", "Fn::Sub")); !strings.Contains(source, ":${Api}/") {
			add("%s: not for this API alone", name)
		}
		if alias, ok := lookup(p.Properties, "FunctionName", "Ref").(string); ok {
			allowed[alias] = true
		} else {
			allowed[fmt.Sprint(p.Properties["FunctionName"])] = true
		}
	}
	return allowed
}

// checkAPI reports the openings in an API's body to add. It returns the number of operations.
func checkAPI(body any, authtype string, shared bool, allowed map[string]bool, add func(string, ...any)) int {
	operations := 0
	paths, _ := lookup(body, "paths").(map[string]any)
	for path := range paths {
		for _, method := range methods {
			operation := lookup(paths, path, method)
			if operation == nil {
				continue
			}
			operations++
			what := method + " " + path
			requirements, _ := lookup(operation, "security").([]any)
			if len(requirements) == 0 {
				add("%s: nobody is asked for", what)
			}
			for _, one := range requirements {
				names, _ := one.(map[string]any)
				if len(names) == 0 {
					add("%s: nobody is asked for", what)
				}
				for name := range names {
					checkScheme(what, lookup(body, "components", "securitySchemes", name), authtype, add)
				}
			}
			integration := lookup(operation, "x-amazon-apigateway-integration")
			if lookup(integration, "credentials") != nil {
				add("%s: the integration has credentials", what)
			}
			alias := aliasURI.FindStringSubmatch(fmt.Sprint(lookup(integration, "uri", "Fn::Sub")))
			if alias == nil {
				add("%s: the integration invokes no alias", what)
			} else if name := alias[1] + "Aliaslive"; !allowed[name] {
				add("%s: %s: this API has no permission", what, name)
			}
		}
	}
	policy := lookup(body, "x-amazon-apigateway-policy")
	if (policy != nil) != shared {
		add("a policy: %v, want one: %v", policy, shared)
	}
	statements, _ := lookup(policy, "Statement").([]any)
	for _, s := range statements {
		if principal := lookup(s, "Principal", "AWS"); principal != "111122223333,444455556666" {
			add("the policy's principal is %v", principal)
		}
	}
	return operations
}

// checkScheme reports to add what is wrong with a security scheme.
func checkScheme(what string, scheme any, authtype string, add func(string, ...any)) {
	if got := lookup(scheme, "x-amazon-apigateway-authtype"); got != authtype {
		add("%s: authtype is %v, want %s", what, got, authtype)
	}
	authorizer := lookup(scheme, "x-amazon-apigateway-authorizer")
	switch authtype {
	case "cognito_user_pools":
		if pools, _ := lookup(authorizer, "providerARNs").([]any); len(pools) != 1 {
			add("%s: no user pool", what)
		}
	case "custom":
		if uri := fmt.Sprint(lookup(authorizer, "authorizerUri", "Fn::Sub")); !strings.Contains(uri, "/functions/") {
			add("%s: no authorizer function", what)
		}
	}
}

// lookup returns a value in nested objects; nil where there is none.
func lookup(node any, keys ...string) any {
	for _, k := range keys {
		m, _ := node.(map[string]any)
		node = m[k]
	}
	return node
}
