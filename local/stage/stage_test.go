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

// expand gives what each template comes to with each set of parameters.
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

// authorizerParameters are the parameters that change who may call, each with the
// x-amazon-apigateway-authtype that every method must have then.
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
			parameters, authtypes = append(parameters, p), append(authtypes, k.authtype)
		}
	}
	return parameters, authtypes
}

// With every choice of authorizer, no method is open, none lends the caller's or
// anybody's credentials, and each function takes requests of this API alone.
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

// mutations open the API in one place each. Each is found.
var mutations = []struct{ name, old, new, want string }{
	{"an operation without security", "              operationId: retrieve\n              summary: The passages that fit a query, best first.\n              security: [{ caller: [] }]\n",
		"              operationId: retrieve\n", "post /retrieve: nobody is asked for"},
	{"an operation whose security is empty", "security: [{ caller: [] }]", "security: []", "put /documents/{document_id}: nobody is asked for"},
	{"an alternative that asks for nobody", "security: [{ caller: [] }]", "security: [{ caller: [] }, {}]", "put /documents/{document_id}: nobody is asked for"},
	{"a scheme that verifies nothing", "                  x-amazon-apigateway-authtype: awsSigv4\n", "", `authtype is <nil>, want awsSigv4`},
	{"a scheme that is not there", "            caller: !If\n", "            called: !If\n", "authtype is <nil>"},
	{"a user pool that is none", "                  providerARNs: [!Ref UserPoolArn]\n", "                  providerARNs: []\n", "no user pool"},
	{"the caller's credentials", "                type: aws_proxy\n", "                type: aws_proxy\n                credentials: arn:aws:iam::*:user/*\n", "has credentials"},
	{"a function without a permission", "FunctionName: !Ref EmbedFunction.Alias", "FunctionName: !Ref RetrieveFunction.Alias", "EmbedFunctionAliaslive: this API has no permission"},
	{"a permission for every API", "      SourceArn: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${StageName}/*\n", "", "EmbedPermission: not for this API alone"},
	{"a permission for everybody", "      Principal: apigateway.amazonaws.com\n", "      Principal: \"*\"\n", "EmbedPermission: not for API Gateway alone"},
	{"an authorizer that may not be asked", "    Condition: HasAuthorizerFunction\n", "    Condition: HasUserPool\n", "may not ask the authorizer"},
	{"a policy for everybody", "                  AWS: !Ref CallerAccounts\n", "                  AWS: \"*\"\n", "the policy's principal is *"},
	{"a policy in place of the accounts", "          - HasCallerAccounts\n", "          - HasAccessLogs\n", "a policy"},
	{"a route beside the body", "      Description: Walks", "      Events: { Open: { Type: Api, Properties: { Path: /open, Method: get } } }\n      Description: Walks",
		"get /open: nobody is asked for"},
	{"a function past its alias", "${EmbedFunction.Arn}:live", "${EmbedFunction.Arn}", "the integration invokes no alias"},
	{"a streaming function past its alias", "${AnswerFunction.Arn}:live", "${AnswerFunction.Arn}", "post /answer: the integration invokes no alias"},
	{"a function URL", "      Description: Finds the passages", "      FunctionUrlConfig: { AuthType: NONE }\n      Description: Finds the passages", "a function URL"},
}
