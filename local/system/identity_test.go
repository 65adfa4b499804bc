package system_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ragtime/local/lambda"
	"ragtime/local/system"
	"ragtime/local/system/systemtest"
)

// Under each rule, through the gateway and the process, another tenant does not find
// what a tenant has put.
func TestTenantRules(t *testing.T) {
	root := systemtest.Build(t)
	type who struct{ key, tenant string }
	tests := []struct {
		rule          string
		puts          who
		finds, misses []who
		refused       map[who]int
	}{
		{"account", who{"alice", ""}, []who{{"alice", ""}, {"alice", "bob"}}, []who{{"bob", ""}, {"", ""}}, nil},
		{"caller", who{"alice", ""}, []who{{"alice", ""}}, []who{{"bob", ""}, {"bob", "alice"}, {"", ""}}, nil},
		{"header", who{"alice", "acme"}, []who{{"alice", "acme"}, {"bob", "acme"}}, []who{{"alice", "other"}},
			map[who]int{{"alice", ""}: 403, {"alice", strings.Repeat("a", 3000)}: 400, {"alice", "a b"}: 400}},
		{"claim", who{}, nil, nil, map[who]int{{"alice", ""}: 401, {"alice", "acme"}: 401}},
		{"authorizer:tenant", who{}, nil, nil, map[who]int{{"alice", "acme"}: 401}},
	}
	for _, tt := range tests {
		from, key, _ := strings.Cut(tt.rule, ":")
		s := systemtest.Start(t, system.Options{Root: root, Parameters: map[string]string{"TenantFrom": from, "TenantKey": key}})
		send := func(method string, from who) int {
			headers := []string{"Content-Type", "text/plain"}
			if from.key != "" {
				headers = append(headers,
					"X-Amz-Date", "20261124T093000Z",
					"Authorization", "AWS4-HMAC-SHA256 Credential="+from.key+
						"/20261124/local/execute-api/aws4_request, SignedHeaders=host, Signature=00")
			}
			if from.tenant != "" {
				headers = append(headers, "Ragtime-Tenant", from.tenant)
			}
			return do(t, method, s.URL+"/documents/note", "The front desk opens at half past seven.", headers...).StatusCode
		}
		want := func(method string, from who, status int) {
			t.Helper()
			if got := send(method, from); got != status {
				t.Errorf("rule %s, %s from %.20v: got %d, want %d", tt.rule, method, from, got, status)
			}
		}
		if tt.finds != nil {
			want("PUT", tt.puts, 200)
		}
		for _, from := range tt.finds {
			want("GET", from, 200)
		}
		for _, from := range tt.misses {
			want("GET", from, 404)
		}
		for from, status := range tt.refused {
			want("PUT", from, status)
			want("GET", from, status)
		}
	}
}

// A function whose environment would let strangers in does not start, and logs why.
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
