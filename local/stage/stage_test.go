// Package stage tests what AWS would make of template.yaml.
package stage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// resources are a template's, by logical id, after SAM's transform.
type resources map[string]struct {
	Type       string
	Properties map[string]any
}

// expand returns the resources of each template with each set of parameters: a slice a template, an element a set.
func expand(t *testing.T, templates []string, parameters []map[string]string) [][]resources {
	t.Helper()
	python := os.Getenv("RAGTIME_TEST_PYTHON")
	if python == "" {
		t.Skip("RAGTIME_TEST_PYTHON names no Python with aws-sam-cli in it: the template is not expanded")
	}
	var in bytes.Buffer
	for _, text := range templates {
		if err := json.NewEncoder(&in).Encode(map[string]any{"template": text, "parameters": parameters}); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), python, "expand.py")
	command.Stdin = &in
	var failure strings.Builder
	command.Stderr = &failure
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, failure.String())
	}
	var expanded [][]resources
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var one []resources
		if err := d.Decode(&one); err != nil {
			t.Fatal(err)
		}
		expanded = append(expanded, one)
	}
	if len(expanded) != len(templates) {
		t.Fatalf("got %d expanded templates of %d", len(expanded), len(templates))
	}
	return expanded
}

// authorizerParameters returns the sets of parameters that change who may call. Beside
// each is the x-amazon-apigateway-authtype that every method must have with it.
func authorizerParameters() (parameters []map[string]string, authtypes []string) {
	for _, k := range []struct{ name, value, from, authtype string }{
		{"", "", "account", "awsSigv4"},
		{"UserPoolArn", poolARN, "claim", "cognito_user_pools"},
		{"AuthorizerFunctionArn", judgeARN, "authorizer", "custom"},
	} {
		for _, accounts := range []string{"", "111122223333,444455556666"} {
			p := map[string]string{
				"OpenAIKeySecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:openai",
				"TenantFrom":         k.from,
				"CallerAccounts":     accounts,
			}
			if k.name != "" {
				if accounts != "" {
					continue // Rules refuse it
				}
				p[k.name] = k.value
			}
			parameters = append(parameters, p)
			authtypes = append(authtypes, k.authtype)
		}
	}
	return parameters, authtypes
}

// With every choice of authorizer, no method is open, no integration has credentials,
// and only this API may invoke the functions.
func TestNoMethodIsOpen(t *testing.T) {
	raw, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	templates := []string{text}
	for _, m := range mutations {
		mutated := strings.Replace(text, m.old, m.new, 1)
		if mutated == text {
			t.Fatalf("mutation %q: the template does not have %q", m.name, m.old)
		}
		templates = append(templates, mutated)
	}
	parameters, authtypes := authorizerParameters()
	for i, sets := range expand(t, templates, parameters) {
		var found []string
		for j, r := range sets {
			for _, problem := range findOpenings(r, authtypes[j], parameters[j]["CallerAccounts"] != "") {
				found = append(found, fmt.Sprintf("%v: %s", parameters[j], problem))
			}
		}
		switch {
		case i == 0 && len(found) > 0:
			t.Errorf("the template:\n%s", strings.Join(found, "\n"))
		case i > 0 && !strings.Contains(strings.Join(found, "\n"), mutations[i-1].want):
			t.Errorf("mutation %q: got %q, want %q", mutations[i-1].name, found, mutations[i-1].want)
		}
	}
}

// mutations each open the API in one place. findOpenings finds each.
var mutations = []struct{ name, old, new, want string }{
	{
		name: "an operation without security",
		old:  "              operationId: retrieve\n              summary: The passages that fit a query, best first.\n              security: [{ caller: [] }]\n",
		new:  "              operationId: retrieve\n",
		want: "post /retrieve: nobody is asked for",
	},
	{
		name: "an operation whose security is empty",
		old:  "security: [{ caller: [] }]",
		new:  "security: []",
		want: "put /documents/{document_id}: nobody is asked for",
	},
	{
		name: "an alternative that asks for nobody",
		old:  "security: [{ caller: [] }]",
		new:  "security: [{ caller: [] }, {}]",
		want: "put /documents/{document_id}: nobody is asked for",
	},
	{
		name: "a scheme that verifies nothing",
		old:  "                  x-amazon-apigateway-authtype: awsSigv4\n",
		new:  "",
		want: `authtype is <nil>, want awsSigv4`,
	},
	{
		name: "a scheme that is not there",
		old:  "            caller: !If\n",
		new:  "            called: !If\n",
		want: "authtype is <nil>",
	},
	{
		name: "a user pool that is none",
		old:  "                  providerARNs: [!Ref UserPoolArn]\n",
		new:  "                  providerARNs: []\n",
		want: "no user pool",
	},
	{
		name: "the caller's credentials",
		old:  "                type: aws_proxy\n",
		new:  "                type: aws_proxy\n                credentials: arn:aws:iam::*:user/*\n",
		want: "has credentials",
	},
	{
		name: "a function without a permission",
		old:  "FunctionName: !Ref EmbedFunction.Alias",
		new:  "FunctionName: !Ref RetrieveFunction.Alias",
		want: "EmbedFunctionAliaslive: this API has no permission",
	},
	{
		name: "a permission for every API",
		old:  "      SourceArn: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${StageName}/*\n",
		new:  "",
		want: "EmbedPermission: not for this API alone",
	},
	{
		name: "a permission for everybody",
		old:  "      Principal: apigateway.amazonaws.com\n",
		new:  "      Principal: \"*\"\n",
		want: "EmbedPermission: not for API Gateway alone",
	},
	{
		name: "an authorizer that may not be asked",
		old:  "    Condition: HasAuthorizerFunction\n",
		new:  "    Condition: HasUserPool\n",
		want: "may not ask the authorizer",
	},
	{
		name: "a policy for everybody",
		old:  "                  AWS: !Ref CallerAccounts\n",
		new:  "                  AWS: \"*\"\n",
		want: "the policy's principal is *",
	},
	{
		name: "a policy in place of the accounts",
		old:  "          - HasCallerAccounts\n",
		new:  "          - HasAccessLogs\n",
		want: "a policy",
	},
	{
		name: "a route beside the body",
		old:  "      Description: Walks",
		new:  "      Events: { Open: { Type: Api, Properties: { Path: /open, Method: get } } }\n      Description: Walks",
		want: "get /open: nobody is asked for",
	},
	{
		name: "a function past its alias",
		old:  "${EmbedFunction.Arn}:live",
		new:  "${EmbedFunction.Arn}",
		want: "the integration invokes no alias",
	},
	{
		name: "a streaming function past its alias",
		old:  "${AnswerFunction.Arn}:live",
		new:  "${AnswerFunction.Arn}",
		want: "post /answer: the integration invokes no alias",
	},
	{
		name: "a function URL",
		old:  "      Description: Finds the passages",
		new:  "      FunctionUrlConfig: { AuthType: NONE }\n      Description: Finds the passages",
		want: "a function URL",
	},
}
