package apigwtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"ragtime/shared/apigw"
	"ragtime/shared/config"
)

// The forger sends the events, and wants to read the victim's documents.
const (
	forgerAccount = "111111111111"
	forgerRole    = "AROAFORGERFORGER"
	victimAccount = "666666666666"
)

// forgery is a forged event, under one rule.
type forgery struct {
	name   string
	rule   string                 // RAGTIME_TENANT_FROM
	http   bool                   // payload 2.0 instead of 1.0
	edit   func(event, context M) // forges the event; context is its requestContext
	raw    [2]string              // a text in the event's JSON and what replaces it, such as a name twice
	status int                    // of the refusal; 0 where the event is served
	tenant string                 // whose documents the event sees, where it is served
}

// identity edits the identity in payload 1.0.
func identity(f func(M)) func(M, M) {
	return func(_, context M) { f(context["identity"].(M)) }
}

// iam edits the identity in payload 2.0.
func iam(f func(M)) func(M, M) {
	return func(_, context M) { f(context["authorizer"].(M)["iam"].(M)) }
}

// authorizer replaces the IAM identity by what an authorizer says.
func authorizer(v any) func(M, M) {
	return func(_, context M) {
		delete(context, "identity")
		context["authorizer"] = v
	}
}

// header adds a header: its single value to "headers" and, in payload 1.0, its multi values
// to "multiValueHeaders".
func header(name, single string, multi ...any) func(M, M) {
	return func(event, _ M) {
		event["headers"].(M)[name] = single
		if m, ok := event["multiValueHeaders"].(M); ok {
			m[name] = multi
		}
	}
}

// tenantHeader adds Ragtime-Tenant, with the same value in both fields.
func tenantHeader(v string) func(M, M) { return header("Ragtime-Tenant", v, v) }

var long = strings.Repeat("6", 3000)

// under returns the forgeries, to be tried under the rule.
func under(rule string, forgeries []forgery) []forgery {
	for i := range forgeries {
		forgeries[i].rule = rule
	}
	return forgeries
}

func forgeries() []forgery {
	set := func(name string, v any) func(M) { return func(o M) { o[name] = v } }
	none := func(_, context M) {
		delete(context, "identity")
		delete(context, "authorizer")
	}
	and := func(edits ...func(M, M)) func(M, M) {
		return func(event, context M) {
			for _, e := range edits {
				e(event, context)
			}
		}
	}
	const me, myRole = "account:" + forgerAccount, "caller:" + forgerRole
	return slices.Concat(
		// The account of an IAM caller.
		under("account", []forgery{
			{name: "no identity", edit: none, status: 401},
			{name: "identity null", edit: func(_, c M) { c["identity"] = nil }, status: 401},
			{name: "identity empty", edit: func(_, c M) { c["identity"] = M{} }, status: 401},
			{name: "identity a string", edit: func(_, c M) { c["identity"] = victimAccount }, status: 400},
			{name: "context a string", edit: func(e, _ M) { e["requestContext"] = victimAccount }, status: 400},
			{name: "account null", edit: identity(set("accountId", nil)), status: 401},
			{name: "account empty", edit: identity(set("accountId", "")), status: 401},
			{name: "account a number", edit: identity(set("accountId", 666666666666)), status: 400},
			{name: "account a list", edit: identity(set("accountId", []any{victimAccount})), status: 400},
			{name: "account of 3,000 digits", edit: identity(set("accountId", long)), status: 403},
			{name: "account with a space", edit: identity(set("accountId", victimAccount+" ")), status: 403},
			{
				name:   "account twice",
				raw:    [2]string{`"accountId":"` + forgerAccount, `"accountId":"` + victimAccount + `","accountId":"` + forgerAccount},
				status: 400,
			},
			{
				name:   "identity twice",
				raw:    [2]string{`"identity":{`, `"identity":{"accountId":"` + victimAccount + `"},"identity":{`},
				status: 400,
			},
			{
				name:   "context twice",
				raw:    [2]string{`"requestContext":{`, `"requestContext":{},"requestContext":{`},
				status: 400,
			},
			{name: "account in another case", edit: identity(set("AccountID", victimAccount)), tenant: me},
			{
				name:   "only the account in another case",
				edit:   identity(func(o M) { delete(o, "accountId"); o["accountID"] = victimAccount }),
				status: 401,
			},
			{
				name:   "the API's owner",
				edit:   and(none, func(_, c M) { c["accountId"] = victimAccount }),
				status: 401,
			},
			{name: "a header for an identity", edit: and(none, tenantHeader(victimAccount)), status: 401},
			{name: "a header beside an identity", edit: tenantHeader(victimAccount), tenant: me},
			{name: "an authorizer's principal", edit: authorizer(M{"principalId": victimAccount}), status: 401},
			{
				name:   "an authorizer's tenant",
				edit:   authorizer(M{"tenant": victimAccount, "accountId": victimAccount}),
				status: 401,
			},
			{
				name:   "a token",
				edit:   authorizer(M{"claims": M{"sub": victimAccount, "custom:tenant": victimAccount}}),
				status: 401,
			},
			{
				name:   "2.0 without an identity",
				http:   true,
				edit:   and(none, func(_, c M) { c["accountId"] = victimAccount }),
				status: 401,
			},
			{
				name:   "2.0 with a Lambda authorizer's account",
				http:   true,
				edit:   authorizer(M{"lambda": M{"accountId": victimAccount}}),
				status: 401,
			},
			{
				name:   "2.0 with 1.0's identity",
				http:   true,
				edit:   and(none, func(_, c M) { c["identity"] = M{"accountId": victimAccount} }),
				status: 401,
			},
			{
				name:   "1.0 with 2.0's identity",
				edit:   authorizer(M{"iam": M{"accountId": victimAccount}}),
				status: 401,
			},
			{name: "1.0 and 2.0 at once", edit: func(e, c M) {
				c["http"], c["authorizer"] = M{"method": e["httpMethod"]}, M{"iam": M{"accountId": victimAccount}}
			}, status: 400},
			{
				name:   "2.0 account twice",
				http:   true,
				raw:    [2]string{`"accountId":"` + forgerAccount, `"accountId":"` + victimAccount + `","accountId":"` + forgerAccount},
				status: 400,
			},
		}),
		// The role or user of an IAM caller.
		under("caller", []forgery{
			{name: "no caller", edit: identity(set("caller", nil)), status: 403},
			{name: "caller empty", edit: identity(set("caller", "")), status: 403},
			{name: "caller without a role", edit: identity(set("caller", ":AROAVICTIMVICTIM")), status: 403},
			{name: "a role without a session", edit: identity(set("caller", "AROAVICTIMVICTIM")), status: 403},
			{
				name:   "a session that is named for a role",
				edit:   identity(set("caller", forgerRole+":AROAVICTIMVICTIM")),
				tenant: myRole,
			},
			{
				name:   "a federated session",
				edit:   identity(set("caller", forgerAccount+":AIDAVICTIMVICTIM")),
				status: 403,
			},
			{name: "caller of 3,000 characters", edit: identity(set("caller", "AIDA"+long)), status: 403},
			{name: "caller an object", edit: identity(set("caller", M{"AIDAVICTIMVICTIM": ""})), status: 400},
			{
				name:   "an identity pool's guest",
				edit:   identity(set("cognitoIdentityId", "us-east-1:3f291106")),
				status: 403,
			},
			{
				name:   "2.0 an identity pool's guest",
				http:   true,
				edit:   iam(set("cognitoIdentity", M{"identityId": "us-east-1:3f291106"})),
				status: 403,
			},
			{name: "a caller without an account", edit: identity(set("accountId", nil)), status: 401},
			{
				name:   "a user by his ARN alone",
				edit:   identity(func(o M) { delete(o, "caller"); o["userArn"] = "arn:aws:iam::666666666666:user/victim" }),
				status: 403,
			},
		}),
		// The header of an IAM caller.
		under("header", []forgery{
			{name: "header of nobody", edit: and(none, tenantHeader("victim")), status: 401},
			{
				name:   "header of a token's owner",
				edit:   and(authorizer(M{"claims": M{"sub": "forger"}}), tenantHeader("victim")),
				status: 401,
			},
			{
				name:   "header of an account without a caller",
				edit:   and(identity(func(o M) { delete(o, "caller"); delete(o, "userArn") }), tenantHeader("victim")),
				status: 403,
			},
			{
				name:   "header of an identity pool's user",
				edit:   and(identity(set("cognitoIdentityId", "us-east-1:3f291106")), tenantHeader("victim")),
				status: 403,
			},
			{
				name:   "2.0 header of an identity pool's user",
				http:   true,
				edit:   and(iam(set("cognitoIdentity", M{"identityId": "us-east-1:3f291106"})), header("ragtime-tenant", "victim")),
				status: 403,
			},
			{name: "no header", edit: func(M, M) {}, status: 403},
			{name: "header empty", edit: tenantHeader(""), status: 400},
			{name: "header of 3,000 characters", edit: tenantHeader(long), status: 400},
			{name: "header twice", edit: header("Ragtime-Tenant", "victim", "forger", "victim"), status: 400},
			{name: "the two fields differ", edit: header("Ragtime-Tenant", "forger", "victim"), status: 400},
			{name: "the two fields differ in case too", edit: func(e, _ M) {
				e["headers"].(M)["ragtime-tenant"] = "forger"
				e["multiValueHeaders"].(M)["RAGTIME-TENANT"] = []any{"victim"}
			}, status: 400},
			{name: "header in two cases", edit: func(e, _ M) {
				e["headers"].(M)["ragtime-tenant"], e["headers"].(M)["Ragtime-Tenant"] = "forger", "victim"
			}, status: 400},
			{name: "2.0 header twice", http: true, edit: header("ragtime-tenant", "forger,victim"), status: 400},
			{name: "header with a line break", edit: tenantHeader("forger\nvictim"), status: 400},
			{name: "header with a key's separator", edit: tenantHeader("forger#victim"), status: 400},
			{name: "header of another alphabet", edit: tenantHeader("viсtim"), status: 400}, // a Cyrillic letter
			{
				name:   "header a number",
				edit:   func(e, _ M) { e["headers"].(M)["Ragtime-Tenant"] = 6 },
				status: 400,
			},
			{name: "another header", edit: header("X-Ragtime-Tenant", "victim", "victim"), status: 403},
		}),
		// A claim of a verified token.
		under("claim", []forgery{
			{name: "IAM for a token", edit: func(M, M) {}, status: 401},
			{
				name:   "a token that nobody verified",
				edit:   and(none, header("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ.", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ.")),
				status: 401,
			},
			{
				name:   "no claim",
				edit:   authorizer(M{"claims": M{"custom:tenant": "victim", "username": "victim"}, "principalId": "victim"}),
				status: 403,
			},
			{name: "claim empty", edit: authorizer(M{"claims": M{"sub": ""}}), status: 403},
			{name: "claim of 3,000 characters", edit: authorizer(M{"claims": M{"sub": long}}), status: 403},
			{name: "claim a number", edit: authorizer(M{"claims": M{"sub": 6}}), status: 403},
			{name: "claim a list", edit: authorizer(M{"claims": M{"sub": []any{"victim"}}}), status: 403},
			{name: "claim in another case", edit: authorizer(M{"claims": M{"Sub": "victim"}}), status: 403},
			{
				name:   "claim twice",
				edit:   authorizer(M{"claims": M{"sub": "forger"}}),
				raw:    [2]string{`"sub":`, `"sub":"victim","sub":`},
				status: 400,
			},
			{name: "claims a string", edit: authorizer(M{"claims": `{"sub":"victim"}`}), status: 401},
			{
				name:   "an attribute that its user may write",
				edit:   authorizer(M{"claims": M{"sub": "forger", "custom:tenant": "victim"}}),
				tenant: "tenant:forger",
			},
			{name: "a Lambda authorizer's sub", edit: authorizer(M{"sub": "victim"}), status: 401},
			{
				name:   "2.0 with 1.0's claims",
				http:   true,
				edit:   authorizer(M{"claims": M{"sub": "victim"}}),
				status: 401,
			},
			{
				name:   "1.0 with 2.0's claims",
				edit:   authorizer(M{"jwt": M{"claims": M{"sub": "victim"}}}),
				status: 401,
			},
			{
				name:   "2.0 a token without claims",
				http:   true,
				edit:   authorizer(M{"jwt": M{"scopes": []any{"victim"}}}),
				status: 401,
			},
		}),
		// What a Lambda authorizer says.
		under("authorizer:tenant", []forgery{
			{name: "IAM for an authorizer", edit: func(M, M) {}, status: 401},
			{name: "only a principal", edit: authorizer(M{"principalId": "victim"}), status: 403},
			{name: "context null", edit: authorizer(M{"tenant": nil, "principalId": "victim"}), status: 403},
			{name: "nothing but null", edit: authorizer(M{"claims": nil, "scopes": nil}), status: 401},
			{name: "context empty", edit: authorizer(M{"tenant": ""}), status: 403},
			{name: "context a number", edit: authorizer(M{"tenant": 6}), status: 403},
			{name: "context of 3,000 characters", edit: authorizer(M{"tenant": long}), status: 403},
			{
				name:   "a token's tenant",
				edit:   authorizer(M{"claims": M{"tenant": "victim"}, "tenant": "victim"}),
				status: 401,
			},
			{name: "2.0 outside of its place", http: true, edit: authorizer(M{"tenant": "victim"}), status: 401},
			{name: "authorizer a list", edit: authorizer([]any{M{"tenant": "victim"}}), status: 400},
		}),
	)
}

// Forged sends every forgery of each call to the handler for its rule. It checks the status,
// and that only the forger's own documents were used: asked returns the tenants of the
// documents that were used since it was last called.
func Forged(t *testing.T, calls []Call, handler func(config.Tenancy) apigw.Func, asked func() []string) {
	for _, f := range forgeries() {
		t.Run(f.rule+", "+f.name, func(t *testing.T) {
			for _, call := range calls {
				event := f.event(t, call)
				var reply apigw.Reply
				answer := Invoke(t, t.Context(), handler(Rule(f.rule)), event)
				if err := json.Unmarshal(answer, &reply); err != nil {
					t.Fatalf("got answer %s", answer)
				}
				tenants := asked()
				if f.status != 0 && (reply.StatusCode != f.status || len(tenants) > 0) {
					t.Errorf("%s %s: got %d %s, asked for %v; want %d and nobody asked for", call.Method, call.Resource, reply.StatusCode, reply.Body, tenants, f.status)
				}
				if f.status == 0 && reply.StatusCode >= 300 {
					t.Errorf("%s %s: got %d %s, want it served", call.Method, call.Resource, reply.StatusCode, reply.Body)
				}
				for _, tenant := range tenants {
					if tenant != f.tenant {
						t.Errorf("%s %s: asked for the documents of %s, want none but of %q", call.Method, call.Resource, tenant, f.tenant)
					}
				}
				for _, secret := range []string{"victim", victimAccount, "VICTIM"} {
					if strings.Contains(reply.Body, secret) {
						t.Errorf("the answer repeats %s: %s", secret, reply.Body)
					}
				}
			}
		})
	}
}

func (f forgery) event(t *testing.T, call Call) []byte {
	t.Helper()
	from := Caller{forgerAccount, forgerRole, "session"}
	event := call.REST(from)
	if f.http {
		event = call.HTTP(from)
	}
	if f.edit != nil {
		f.edit(event, event["requestContext"].(M))
	}
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	if f.raw[0] == "" {
		return raw
	}
	changed := strings.Replace(string(raw), f.raw[0], f.raw[1], 1)
	if changed == string(raw) {
		t.Fatalf("%s is not in %s", f.raw[0], raw)
	}
	return []byte(changed)
}

// Rule is the rule that RAGTIME_TENANT_FROM would make.
func Rule(text string) config.Tenancy {
	from, name, _ := strings.Cut(text, ":")
	if text == config.FromClaim {
		name = "sub"
	}
	return config.Tenancy{From: from, Name: name}
}
