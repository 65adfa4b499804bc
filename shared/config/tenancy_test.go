package config_test

import (
	"strings"
	"testing"

	"ragtime/shared/config"
)

func read(t *testing.T, more map[string]string) (config.Tenancy, error) {
	t.Helper()
	env := map[string]string{
		"AWS_REGION":            "eu-west-1",
		"RAGTIME_TABLE":         "t",
		"OPENAI_API_KEY":        "k",
		"AWS_ACCESS_KEY_ID":     "a",
		"AWS_SECRET_ACCESS_KEY": "s",
	}
	c, err := config.Read(func(name string) string {
		if v, ok := more[name]; ok {
			return v
		}
		return env[name]
	})
	return c.Tenancy, err
}

func TestTenancy(t *testing.T) {
	tests := []struct {
		value string
		want  config.Tenancy
	}{
		{"", config.Tenancy{From: "account"}},
		{"account", config.Tenancy{From: "account"}},
		{"caller", config.Tenancy{From: "caller"}},
		{"header", config.Tenancy{From: "header"}},
		{"claim", config.Tenancy{From: "claim", Name: "sub"}},
		{"claim:sub", config.Tenancy{From: "claim", Name: "sub"}},
		{"claim:custom:tenant", config.Tenancy{From: "claim", Name: "custom:tenant"}},
		{"claim:https://example.com/tenant", config.Tenancy{From: "claim", Name: "https://example.com/tenant"}},
		{"authorizer:tenant", config.Tenancy{From: "authorizer", Name: "tenant"}},
	}
	for _, tt := range tests {
		got, err := read(t, map[string]string{"RAGTIME_TENANT_FROM": tt.value})
		if err != nil || got != tt.want {
			t.Errorf("%q: got %+v, %v; want %+v", tt.value, got, err, tt.want)
		}
		if tt.value != "" && tt.value != "claim" && got.String() != tt.value {
			t.Errorf("%q is shown as %q", tt.value, got)
		}
	}
}

func TestTenancyRefused(t *testing.T) {
	for _, v := range []string{"Account", " account", "account:123", "caller:", "header:X-Tenant", "claim:", "claim: sub", "authorizer", "authorizer:",
		"authorizer:a b", "claim:email", "claim:preferred_username", "tenant", "claims:sub", "claim:" + strings.Repeat("a", 129), strings.Repeat("a", 3000)} {
		_, err := read(t, map[string]string{"RAGTIME_TENANT_FROM": v})
		if err == nil || !strings.Contains(err.Error(), "RAGTIME_TENANT_FROM") || len(err.Error()) > 300 {
			t.Errorf("%.80q: got %v, want a short error that names the variable", v, err)
		}
	}
}

// Only under sam local there is a default tenant.
func TestLocalTenant(t *testing.T) {
	tests := []struct {
		name, sam, stream string
		local, refused    bool
	}{
		{"deployed", "", "2026/11/25/[$LATEST]0123456789abcdef", false, false},
		{"sam local", "true", "$LATEST", true, false},
		{"deployed, with sam's variable", "true", "2026/11/25/[$LATEST]0123456789abcdef", false, true},
		{"nobody knows where", "true", "", false, true},
		{"the emulator without sam", "", "$LATEST", false, false},
	}
	for _, tt := range tests {
		got, err := read(t, map[string]string{"AWS_SAM_LOCAL": tt.sam, "AWS_LAMBDA_LOG_STREAM_NAME": tt.stream})
		if (got.Local != "") != tt.local || (err != nil) != tt.refused {
			t.Errorf("%s: got local tenant %q, error %v", tt.name, got.Local, err)
		}
	}
}
