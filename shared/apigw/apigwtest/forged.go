package apigwtest

import (
	"encoding/json"
	"strings"
	"testing"

	"ragtime/shared/apigw"
	"ragtime/shared/config"
)

// Of the forger, and of whom he wants to read.
const (
	forgerAccount, forgerRole = "111111111111", "AROAFORGERFORGER"
	victimAccount             = "666666666666"
)

// forgery is an event that wants to be somebody else, under one rule.
type forgery struct {
	name   string
	rule   string // RAGTIME_TENANT_FROM
	http   bool   // payload 2.0
	edit   func(event, context M)
	raw    [2]string // in the event's JSON, what to replace by what: for what no map can hold
	status int       // of the refusal; 0 where the event is served
	tenant string    // where it is served: whose documents it sees
}

// identity edits payload 1.0's identity, iam payload 2.0's.
func identity(f func(M)) func(M, M) {
	return func(_, context M) { f(context["identity"].(M)) }
}

func iam(f func(M)) func(M, M) {
	return func(_, context M) { f(context["authorizer"].(M)["iam"].(M)) }
}

// authorizer puts what an authorizer said in place of an IAM identity.
func authorizer(v any) func(M, M) {
	return func(_, context M) {
		delete(context, "identity")
		context["authorizer"] = v
	}
}

// header adds a header to both fields of payload 1.0, or to the one of 2.0.
func header(name, single string, multi ...any) func(M, M) {
	return func(event, _ M) {
		event["headers"].(M)[name] = single
		if m, ok := event["multiValueHeaders"].(M); ok {
			m[name] = multi
		}
	}
}

var long = strings.Repeat("6", 3000)

func forgeries() []forgery {
	set := func(name string, v any) func(M) { return func(o M) { o[name] = v } }
	none := func(_, context M) { delete(context, "identity"); delete(context, "authorizer") }
	and := func(edits ...func(M, M)) func(M, M) {
		return func(event, context M) {
			for _, e := range edits {
				e(event, context)
			}
		}
	}
	const me, myRole = "account:" + forgerAccount, "caller:" + forgerRole
	return []forgery{
		// The account of an IAM caller.
		{name: "no identity", rule: "account", edit: none, status: 401},
		{name: "identity null", rule: "account", edit: func(_, c M) { c["identity"] = nil }, status: 401},
		{name: "identity empty", rule: "account", edit: func(_, c M) { c["identity"] = M{} }, status: 401},
		{name: "identity a string", rule: "account", edit: func(_, c M) { c["identity"] = victimAccount }, status: 400},
		{name: "context a string", rule: "account", edit: func(e, _ M) { e["requestContext"] = victimAccount }, status: 400},
		{name: "account null", rule: "account", edit: identity(set("accountId", nil)), status: 401},
		{name: "account empty", rule: "account", edit: identity(set("accountId", "")), status: 401},
		{name: "account a number", rule: "account", edit: identity(set("accountId", 666666666666)), status: 400},
		{name: "account a list", rule: "account", edit: identity(set("accountId", []any{victimAccount})), status: 400},
		{name: "account of 3,000 digits", rule: "account", edit: identity(set("accountId", long)), status: 403},
		{name: "account with a space", rule: "account", edit: identity(set("accountId", victimAccount+" ")), status: 403},
		{name: "account twice", rule: "account", raw: [2]string{`"accountId":"` + forgerAccount, `"accountId":"` + victimAccount + `","accountId":"` + forgerAccount}, status: 400},
		{name: "identity twice", rule: "account", raw: [2]string{`"identity":{`, `"identity":{"accountId":"` + victimAccount + `"},"identity":{`}, status: 400},
		{name: "context twice", rule: "account", raw: [2]string{`"requestContext":{`, `"requestContext":{},"requestContext":{`}, status: 400},
		{name: "account in another case", rule: "account", edit: identity(set("AccountID", victimAccount)), tenant: me},
		{name: "only the account in another case", rule: "account", edit: identity(func(o M) { delete(o, "accountId"); o["accountID"] = victimAccount }), status: 401},
		{name: "the API's owner", rule: "account", edit: and(none, func(_, c M) { c["accountId"] = victimAccount }), status: 401},
		{name: "a header for an identity", rule: "account", edit: and(none, header("Ragtime-Tenant", victimAccount, victimAccount)), status: 401},
		{name: "a header beside an identity", rule: "account", edit: header("Ragtime-Tenant", victimAccount, victimAccount), tenant: me},
		{name: "an authorizer's principal", rule: "account", edit: authorizer(M{"principalId": victimAccount}), status: 401},
		{name: "an authorizer's tenant", rule: "account", edit: authorizer(M{"tenant": victimAccount, "accountId": victimAccount}), status: 401},
		{name: "a token", rule: "account", edit: authorizer(M{"claims": M{"sub": victimAccount, "custom:tenant": victimAccount}}), status: 401},
		{name: "2.0 without an identity", rule: "account", http: true, edit: and(none, func(_, c M) { c["accountId"] = victimAccount }), status: 401},
		{name: "2.0 with a Lambda authorizer's account", rule: "account", http: true, edit: authorizer(M{"lambda": M{"accountId": victimAccount}}), status: 401},
		{name: "2.0 with 1.0's identity", rule: "account", http: true, edit: and(none, func(_, c M) { c["identity"] = M{"accountId": victimAccount} }), status: 401},
		{name: "1.0 with 2.0's identity", rule: "account", edit: authorizer(M{"iam": M{"accountId": victimAccount}}), status: 401},
		{name: "1.0 and 2.0 at once", rule: "account", edit: func(e, c M) {
			c["http"], c["authorizer"] = M{"method": e["httpMethod"]}, M{"iam": M{"accountId": victimAccount}}
		}, status: 400},
		{name: "2.0 account twice", rule: "account", http: true, raw: [2]string{`"accountId":"` + forgerAccount, `"accountId":"` + victimAccount + `","accountId":"` + forgerAccount}, status: 400},

		// The role or user of an IAM caller.
		{name: "no caller", rule: "caller", edit: identity(set("caller", nil)), status: 403},
		{name: "caller empty", rule: "caller", edit: identity(set("caller", "")), status: 403},
		{name: "caller without a role", rule: "caller", edit: identity(set("caller", ":AROAVICTIMVICTIM")), status: 403},
		{name: "a role without a session", rule: "caller", edit: identity(set("caller", "AROAVICTIMVICTIM")), status: 403},
		{name: "a session that is named for a role", rule: "caller", edit: identity(set("caller", forgerRole+":AROAVICTIMVICTIM")), tenant: myRole},
		{name: "a federated session", rule: "caller", edit: identity(set("caller", forgerAccount+":AIDAVICTIMVICTIM")), status: 403},
		{name: "caller of 3,000 characters", rule: "caller", edit: identity(set("caller", "AIDA"+long)), status: 403},
		{name: "caller an object", rule: "caller", edit: identity(set("caller", M{"AIDAVICTIMVICTIM": ""})), status: 400},
		{name: "an identity pool's guest", rule: "caller", edit: identity(set("cognitoIdentityId", "us-east-1:3f291106")), status: 403},
		{name: "2.0 an identity pool's guest", rule: "caller", http: true, edit: iam(set("cognitoIdentity", M{"identityId": "us-east-1:3f291106"})), status: 403},
		{name: "a caller without an account", rule: "caller", edit: identity(set("accountId", nil)), status: 401},
		{name: "a user by his ARN alone", rule: "caller", edit: identity(func(o M) { delete(o, "caller"); o["userArn"] = "arn:aws:iam::666666666666:user/victim" }), status: 403},

		// The header of an IAM caller.
		{name: "header of nobody", rule: "header", edit: and(none, header("Ragtime-Tenant", "victim", "victim")), status: 401},
		{name: "header of a token's owner", rule: "header", edit: and(authorizer(M{"claims": M{"sub": "forger"}}), header("Ragtime-Tenant", "victim", "victim")), status: 401},
		{name: "header of an account without a caller", rule: "header", edit: and(identity(func(o M) { delete(o, "caller"); delete(o, "userArn") }), header("Ragtime-Tenant", "victim", "victim")), status: 403},
		{name: "header of an identity pool's user", rule: "header", edit: and(identity(set("cognitoIdentityId", "us-east-1:3f291106")), header("Ragtime-Tenant", "victim", "victim")), status: 403},
		{name: "2.0 header of an identity pool's user", rule: "header", http: true, edit: and(iam(set("cognitoIdentity", M{"identityId": "us-east-1:3f291106"})), header("ragtime-tenant", "victim")), status: 403},
		{name: "no header", rule: "header", edit: func(M, M) {}, status: 403},
		{name: "header empty", rule: "header", edit: header("Ragtime-Tenant", "", ""), status: 400},
		{name: "header of 3,000 characters", rule: "header", edit: header("Ragtime-Tenant", long, long), status: 400},
		{name: "header twice", rule: "header", edit: header("Ragtime-Tenant", "victim", "forger", "victim"), status: 400},
		{name: "the two fields differ", rule: "header", edit: header("Ragtime-Tenant", "forger", "victim"), status: 400},
		{name: "the two fields differ in case too", rule: "header", edit: func(e, _ M) {
			e["headers"].(M)["ragtime-tenant"] = "forger"
			e["multiValueHeaders"].(M)["RAGTIME-TENANT"] = []any{"victim"}
		}, status: 400},
		{name: "header in two cases", rule: "header", edit: func(e, _ M) {
			e["headers"].(M)["ragtime-tenant"], e["headers"].(M)["Ragtime-Tenant"] = "forger", "victim"
		}, status: 400},
		{name: "2.0 header twice", rule: "header", http: true, edit: header("ragtime-tenant", "forger,victim"), status: 400},
		{name: "header with a line break", rule: "header", edit: header("Ragtime-Tenant", "forger\nvictim", "forger\nvictim"), status: 400},
		{name: "header with a key's separator", rule: "header", edit: header("Ragtime-Tenant", "forger#victim", "forger#victim"), status: 400},
		{name: "header of another alphabet", rule: "header", edit: header("Ragtime-Tenant", "viсtim", "viсtim"), status: 400}, // a Cyrillic letter
		{name: "header a number", rule: "header", edit: func(e, _ M) { e["headers"].(M)["Ragtime-Tenant"] = 6 }, status: 400},
		{name: "another header", rule: "header", edit: header("X-Ragtime-Tenant", "victim", "victim"), status: 403},

		// A claim of a verified token.
		{name: "IAM for a token", rule: "claim", edit: func(M, M) {}, status: 401},
		{name: "a token that nobody verified", rule: "claim", edit: and(none, header("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ.", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2aWN0aW0ifQ.")), status: 401},
		{name: "no claim", rule: "claim", edit: authorizer(M{"claims": M{"custom:tenant": "victim", "username": "victim"}, "principalId": "victim"}), status: 403},
		{name: "claim empty", rule: "claim", edit: authorizer(M{"claims": M{"sub": ""}}), status: 403},
		{name: "claim of 3,000 characters", rule: "claim", edit: authorizer(M{"claims": M{"sub": long}}), status: 403},
		{name: "claim a number", rule: "claim", edit: authorizer(M{"claims": M{"sub": 6}}), status: 403},
		{name: "claim a list", rule: "claim", edit: authorizer(M{"claims": M{"sub": []any{"victim"}}}), status: 403},
		{name: "claim in another case", rule: "claim", edit: authorizer(M{"claims": M{"Sub": "victim"}}), status: 403},
		{name: "claim twice", rule: "claim", edit: authorizer(M{"claims": M{"sub": "forger"}}), raw: [2]string{`"sub":`, `"sub":"victim","sub":`}, status: 400},
		{name: "claims a string", rule: "claim", edit: authorizer(M{"claims": `{"sub":"victim"}`}), status: 401},
		{name: "an attribute that its user may write", rule: "claim", edit: authorizer(M{"claims": M{"sub": "forger", "custom:tenant": "victim"}}), tenant: "tenant:forger"},
		{name: "a Lambda authorizer's sub", rule: "claim", edit: authorizer(M{"sub": "victim"}), status: 401},
		{name: "2.0 with 1.0's claims", rule: "claim", http: true, edit: authorizer(M{"claims": M{"sub": "victim"}}), status: 401},
		{name: "1.0 with 2.0's claims", rule: "claim", edit: authorizer(M{"jwt": M{"claims": M{"sub": "victim"}}}), status: 401},
		{name: "2.0 a token without claims", rule: "claim", http: true, edit: authorizer(M{"jwt": M{"scopes": []any{"victim"}}}), status: 401},

		// What a Lambda authorizer says.
		{name: "IAM for an authorizer", rule: "authorizer:tenant", edit: func(M, M) {}, status: 401},
		{name: "only a principal", rule: "authorizer:tenant", edit: authorizer(M{"principalId": "victim"}), status: 403},
		{name: "context null", rule: "authorizer:tenant", edit: authorizer(M{"tenant": nil, "principalId": "victim"}), status: 403},
		{name: "nothing but null", rule: "authorizer:tenant", edit: authorizer(M{"claims": nil, "scopes": nil}), status: 401},
		{name: "context empty", rule: "authorizer:tenant", edit: authorizer(M{"tenant": ""}), status: 403},
		{name: "context a number", rule: "authorizer:tenant", edit: authorizer(M{"tenant": 6}), status: 403},
		{name: "context of 3,000 characters", rule: "authorizer:tenant", edit: authorizer(M{"tenant": long}), status: 403},
		{name: "a token's tenant", rule: "authorizer:tenant", edit: authorizer(M{"claims": M{"tenant": "victim"}, "tenant": "victim"}), status: 401},
		{name: "2.0 outside of its place", rule: "authorizer:tenant", http: true, edit: authorizer(M{"tenant": "victim"}), status: 401},
		{name: "authorizer a list", rule: "authorizer:tenant", edit: authorizer([]any{M{"tenant": "victim"}}), status: 400},
	}
}

// Forged sends every forgery, as each of the calls, to the handler that the
// function makes of a rule, and tells whose documents were asked for: asked gives
// the tenants since it was called last. None may be but the forger's own, and no
// answer may be a failure of ours.
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
