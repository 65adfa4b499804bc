package apigw_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"ragtime/shared/apigw"
	"ragtime/shared/apigw/apigwtest"
	"ragtime/shared/config"
)

type m = apigwtest.M

var (
	things  = apigwtest.Call{Method: "POST", Resource: "/things", Body: `{}`}
	session = apigwtest.Caller{Account: "111122223333", Role: "AROAEXAMPLEROLE12", Session: "alice"}
)

// recordTenant is a route that records the tenant.
func recordTenant(tenant *string) apigw.Route {
	return func(_ context.Context, r *apigw.Request) (apigw.Response, error) {
		*tenant = r.Tenant
		return apigw.Response{Status: 204}, nil
	}
}

// These events are valid; apigwtest has the forged ones.
func TestTenant(t *testing.T) {
	tests := []struct {
		name, rule string
		rest, http func(e, context m) // what is added to an event of an IAM role's session
		want       string
	}{
		{"account", "account", nil, nil, "account:111122223333"},
		{"the default", "", nil, nil, "account:111122223333"},
		{"role", "caller", nil, nil, "caller:AROAEXAMPLEROLE12"},
		{"user", "caller", func(_, c m) { c["identity"].(m)["caller"] = "AIDAEXAMPLEUSER12" },
			func(_, c m) { c["authorizer"].(m)["iam"].(m)["callerId"] = "AIDAEXAMPLEUSER12" }, "caller:AIDAEXAMPLEUSER12"},
		{"header", "header", func(e, _ m) {
			e["headers"].(m)["RAGTIME-tenant"] = "acme"
			e["multiValueHeaders"].(m)["RAGTIME-tenant"] = []any{"acme"}
		}, func(e, _ m) { e["headers"].(m)["ragtime-tenant"] = "acme" }, "tenant:acme"},
		{"sub", "claim", func(_, c m) { c["identity"], c["authorizer"] = m{}, m{"claims": m{"sub": "0d1f-77", "email": "a@b.c"}} },
			func(_, c m) { c["authorizer"] = m{"jwt": m{"claims": m{"sub": "0d1f-77"}, "scopes": nil}} }, "tenant:0d1f-77"},
		{"another claim", "claim:custom:tenant", func(_, c m) { c["authorizer"] = m{"claims": m{"sub": "s", "custom:tenant": "acme"}} },
			func(_, c m) { c["authorizer"] = m{"jwt": m{"claims": m{"custom:tenant": "acme"}}} }, "tenant:acme"},
		{"a subject of another issuer", "claim", func(_, c m) { c["authorizer"] = m{"claims": m{"sub": "auth0|5f7c+a/b=@x~y"}} },
			func(_, c m) { c["authorizer"] = m{"jwt": m{"claims": m{"sub": "auth0|5f7c+a/b=@x~y"}}} }, "tenant:auth0|5f7c+a/b=@x~y"},
		{"authorizer", "authorizer:org", func(_, c m) { c["authorizer"] = m{"org": "acme", "principalId": "user", "integrationLatency": 12} },
			func(_, c m) { c["authorizer"] = m{"lambda": m{"org": "acme"}} }, "tenant:acme"},
		{"authorizer with a text of claims", "authorizer:org", func(_, c m) { c["authorizer"] = m{"org": "acme", "claims": `{"sub":"s"}`} },
			func(_, c m) { c["authorizer"] = m{"lambda": m{"org": "acme", "claims": `{"sub":"s"}`}} }, "tenant:acme"},
		{"the longest name", "authorizer:org", func(_, c m) { c["authorizer"] = m{"org": strings.Repeat("a", 128)} },
			func(_, c m) { c["authorizer"] = m{"lambda": m{"org": strings.Repeat("a", 128)}} }, "tenant:" + strings.Repeat("a", 128)},
	}
	for _, tt := range tests {
		rest := things.REST(session)
		http := things.HTTP(session)
		if tt.rest != nil {
			tt.rest(rest, rest["requestContext"].(m))
			tt.http(http, http["requestContext"].(m))
		}
		for payload, event := range map[string]m{"1.0": rest, "2.0": http} {
			var got string
			a := api(recordTenant(&got))
			a.Tenancy = apigwtest.Rule(tt.rule)
			reply := apigwtest.Send(t, t.Context(), a.Serve, event)
			if got != tt.want || reply.StatusCode != 204 {
				t.Errorf("%s, payload %s: got %d %s, tenant %q; want %q", tt.name, payload, reply.StatusCode, reply.Body, got, tt.want)
			}
		}
	}
}

// Under sam local, which verifies nobody, a request without an identity has the local
// tenant. For one with an identity the rule holds.
func TestLocalTenant(t *testing.T) {
	anonymous := things.REST(session)
	anonymous["requestContext"].(m)["identity"] = m{"accountId": nil, "caller": nil, "userArn": nil, "sourceIp": "127.0.0.1"}
	for _, tt := range []struct {
		name, local, rule string
		event             m
		want              string
	}{
		{"nobody", "account:000000000000", "account", anonymous, "account:000000000000"},
		{"nobody, another rule", "account:000000000000", "claim", anonymous, "account:000000000000"},
		{"somebody", "account:000000000000", "account", things.REST(session), "account:111122223333"},
		{"somebody of another kind", "account:000000000000", "claim", things.REST(session), ""},
		{"nobody, deployed", "", "account", anonymous, ""},
	} {
		var got string
		a := api(recordTenant(&got))
		a.Tenancy = apigwtest.Rule(tt.rule)
		a.Tenancy.Local = tt.local
		apigwtest.Send(t, t.Context(), a.Serve, tt.event)
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// The log says which rule refused a request, why, and under which id the gateway's log has
// it. Neither log nor answer has values of the identity.
func TestRefusalIsLogged(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	event := things.REST(session)
	event["requestContext"].(m)["authorizer"] = m{"claims": m{"sub": "xyzzy#1", "email": "xyzzy@example.com"}}
	var got string
	a := api(recordTenant(&got))
	a.Tenancy = config.Tenancy{From: "claim", Name: "sub"}
	reply := apigwtest.Send(t, t.Context(), a.Serve, event)
	if reply.StatusCode != 403 || got != "" {
		t.Errorf("got %d, tenant %q; want 403", reply.StatusCode, got)
	}
	if all := log.String() + reply.Body; strings.Contains(all, "xyzzy") || strings.Contains(all, session.Account) {
		t.Errorf("a value of the identity is in %s", all)
	}
	var line map[string]any
	for d := json.NewDecoder(&log); d.More(); {
		var l map[string]any
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l["msg"] == "identity refused" {
			line = l
		}
	}
	for k, want := range map[string]string{
		"level":              "WARN",
		"operation":          "test",
		"operation_id":       "op-1",
		"tenant_from":        "claim:sub",
		"identities":         "iam, claims",
		"event":              "payload 1.0",
		"api_id":             "54w8u2l4gc",
		"gateway_request_id": "87857ee1",
		"reason":             "the token's claim sub, which names the tenant, may have only A-Z a-z 0-9 . _ ~ @ + = : / | -",
	} {
		if line[k] != want {
			t.Errorf("%s: got %v, want %q", k, line[k], want)
		}
	}
}

func TestChallenge(t *testing.T) {
	nobody := things.REST(session)
	delete(nobody["requestContext"].(m), "identity")
	for rule, want := range map[string]string{"account": "AWS4-HMAC-SHA256", "header": "AWS4-HMAC-SHA256", "claim": "Bearer", "authorizer:a": "Bearer"} {
		a := api(succeed)
		a.Tenancy = apigwtest.Rule(rule)
		reply := apigwtest.Send(t, t.Context(), a.Serve, nobody)
		if got := reply.Headers["WWW-Authenticate"]; reply.StatusCode != 401 || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %d, challenge %q; want 401 and %s", rule, reply.StatusCode, got, want)
		}
	}
}
