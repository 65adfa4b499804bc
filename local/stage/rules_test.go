package stage

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"ragtime/local/gateway"
)

const (
	poolARN  = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_pool"
	judgeARN = "arn:aws:lambda:us-east-1:000000000000:function:judge"
)

// combinations returns all choices of who may call and whose documents they see.
func combinations() (all []map[string]string) {
	for _, from := range []string{"account", "caller", "header", "claim", "authorizer"} {
		for _, key := range []string{"", "tenant"} {
			for _, users := range []string{"", poolARN} {
				for _, function := range []string{"", judgeARN} {
					for _, accounts := range []string{"", "111122223333", "111122223333,444455556666"} {
						all = append(all, map[string]string{
							"TenantFrom":            from,
							"TenantKey":             key,
							"UserPoolArn":           users,
							"AuthorizerFunctionArn": function,
							"CallerAccounts":        accounts,
						})
					}
				}
			}
		}
	}
	return all
}

// isAllowed says whether parameters go together, by the table of callers in docs/deploy.md.
func isAllowed(p map[string]string) bool {
	users := p["UserPoolArn"] != ""
	function := p["AuthorizerFunctionArn"] != ""
	accounts := p["CallerAccounts"] != ""
	switch p["TenantFrom"] {
	case "claim":
		return users && !function && !accounts
	case "authorizer":
		return function && !users && !accounts && p["TenantKey"] != ""
	}
	return !users && !function && p["TenantKey"] == ""
}

// findMisjudged returns the combinations for which a template's rules and isAllowed disagree.
func findMisjudged(t *testing.T, text string) (found []string) {
	t.Helper()
	rules, err := readRules(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range combinations() {
		refused, err := rules.refusals(p)
		if err != nil {
			t.Fatal(err)
		}
		if (len(refused) == 0) != isAllowed(p) {
			found = append(found, fmt.Sprintf("%v: refused for %q, fits: %v", p, refused, isAllowed(p)))
		}
	}
	return found
}

// CloudFormation refuses every choice of authorizer, tenants and accounts in which
// nobody could call, and no other choice. Each assertion is needed for that.
func TestRules(t *testing.T) {
	raw, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if found := findMisjudged(t, text); len(found) > 0 {
		t.Errorf("%d of %d combinations:\n%s", len(found), len(combinations()), strings.Join(found, "\n"))
	}
	begin := strings.Index(text, "\nRules:\n")
	end := strings.Index(text, "\nConditions:\n")
	lines := strings.SplitAfter(text[begin:end], "\n")
	mutated := 0
	for i, line := range lines {
		changed := ""
		switch field := strings.TrimSpace(line); {
		case strings.HasPrefix(field, "- Assert: "):
			changed = "      - Assert: !Equals [a, a]\n"
		case strings.HasPrefix(field, "RuleCondition: "):
			changed = "    RuleCondition: !Equals [a, b]\n"
		default:
			continue
		}
		mutated++
		mutation := slices.Clone(lines)
		mutation[i] = changed
		if len(findMisjudged(t, text[:begin]+strings.Join(mutation, "")+text[end:])) == 0 {
			t.Errorf("without %q nothing is missed", strings.TrimSpace(line))
		}
	}
	if mutated < 10 {
		t.Errorf("%d mutations: the rules are written in another way than this test reads", mutated)
	}
}

// The variables for `sam local` are empty in a deployed stack.
func TestDeployedWithoutStandIns(t *testing.T) {
	template, err := gateway.Load("../../template.yaml", map[string]string{
		"OpenAIKeySecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:openai",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range template.Functions {
		for _, name := range []string{
			"AWS_ENDPOINT_URL_DYNAMODB",
			"AWS_ENDPOINT_URL_SECRETS_MANAGER",
			"RAGTIME_RESOLVER",
			"SSL_CERT_FILE",
		} {
			if v, declared := f.Environment[name]; !declared || v != "" {
				t.Errorf("%s of %s: got %q, declared: %v; want it empty and declared", name, f.Name, v, declared)
			}
		}
		// Lambda sets the address of X-Ray's daemon. An empty one here would override that.
		if v, declared := f.Environment["AWS_XRAY_DAEMON_ADDRESS"]; declared {
			t.Errorf("AWS_XRAY_DAEMON_ADDRESS of %s is %q, want it not declared", f.Name, v)
		}
	}
}
