package system_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ragtime/local/lambda"
	"ragtime/local/system/systemtest"
)

// A function whose environment would let strangers in does not start, and says why.
func TestFunctionsThatMustNotStart(t *testing.T) {
	binary := filepath.Join(systemtest.Build(t), "build", "retrieve", "bootstrap")
	env := func(name, value string) map[string]string {
		return map[string]string{"RAGTIME_TABLE": "t", "OPENAI_API_KEY": "k", name: value}
	}
	var mu sync.Mutex
	var log strings.Builder
	s, err := lambda.New([]lambda.Function{
		{Name: "good", Binary: binary, Env: env("RAGTIME_TENANT_FROM", "claim:sub")},
		{Name: "sam", Binary: binary, Env: env("AWS_SAM_LOCAL", "true")},
		{Name: "misspelt", Binary: binary, Env: env("RAGTIME_TENANT_FROM", "acount")},
		{Name: "writable", Binary: binary, Env: env("RAGTIME_TENANT_FROM", "claim:email")},
	}, lambda.Options{Log: func(l lambda.Line) {
		mu.Lock()
		defer mu.Unlock()
		log.WriteString(l.Function + " " + l.Text + "\n")
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for function, why := range map[string]string{
		"good":     "",
		"sam":      "AWS_SAM_LOCAL is set, but this is not sam local",
		"misspelt": "must be account, caller, header, claim:<name> or authorizer:<key>",
		"writable": "users write that claim themselves",
	} {
		_, err := s.Invoke(t.Context(), function, lambda.Invocation{Payload: []byte(`{"warmer":true}`)})
		mu.Lock()
		all := log.String()
		mu.Unlock()
		if (err != nil) != (why != "") || !strings.Contains(all, why) {
			t.Errorf("%s: got error %v, want a function that says %q in its log:\n%s", function, err, why, all)
		}
	}
}
