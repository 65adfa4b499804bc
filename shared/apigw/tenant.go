package apigw

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"ragtime/shared/config"
	"ragtime/shared/fault"
)

// tenantHeader is the header by which a trusted backend names a tenant, in lower case.
const tenantHeader = "ragtime-tenant"

// maxTenant is the longest name of a tenant, in characters.
const maxTenant = 128

var (
	// tenantName has no character that separates parts of the table's keys.
	tenantName = regexp.MustCompile(`^[A-Za-z0-9._~@+=:/|-]+$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)

	// IAM's unique ids: of a user, and of a role. A role's is followed by the name of the
	// session, which whoever assumes the role chooses.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
	userID     = regexp.MustCompile(`^AIDA[A-Z0-9]{8,60}$`)
	roleID     = regexp.MustCompile(`^(AROA[A-Z0-9]{8,60}):.`)
	authScheme = map[string]string{config.FromClaim: "Bearer", config.FromAuthorizer: "Bearer"}
)

// rule decides whose documents a request may see. It fails closed: where the identity
// that it needs is missing, it refuses the request and looks nowhere else.
type rule struct{ config.Tenancy }

func (r rule) isAccount() bool { return r.From == "" || r.From == config.FromAccount }

// challenge is the WWW-Authenticate header of a 401 under the rule.
func (r rule) challenge() string {
	if s := authScheme[r.From]; s != "" {
		return s + ` realm="ragtime"`
	}
	return `AWS4-HMAC-SHA256 realm="ragtime"`
}

// tenant returns the tenant of a request that came through a gateway:
//
//	account           account:<the caller's AWS account>
//	caller            caller:<unique id of the caller's role or user>
//	header            tenant:<Ragtime-Tenant, of an IAM caller>
//	claim:<name>      tenant:<the claim of a verified token>
//	authorizer:<key>  tenant:<what the Lambda authorizer says>
//
// The prefix keeps an account, a role and a tenant of the same name apart. The
// fault is Unauthorized where the gateway verified no identity of the rule's kind,
// Forbidden where the identity has not what the rule needs, and Invalid where the
// caller named a tenant that cannot be one.
func (r rule) tenant(c call) (string, error) {
	if r.Local != "" && c.identity.isEmpty() {
		return r.Local, nil
	}
	switch r.From {
	case config.FromClaim:
		if c.identity.claims == nil {
			return "", fault.New(fault.Unauthorized, "the request has no verified token: send one in the Authorization header")
		}
		return authorizerTenant("the token's claim "+r.Name, c.identity.claims[r.Name])
	case config.FromAuthorizer:
		if c.identity.authorizer == nil {
			return "", fault.New(fault.Unauthorized, "no Lambda authorizer verified the request")
		}
		return authorizerTenant("the authorizer's "+r.Name, c.identity.authorizer[r.Name])
	}
	if c.identity.account == "" {
		return "", fault.New(fault.Unauthorized, "the request has no AWS identity: sign it with AWS credentials")
	}
	if !accountID.MatchString(c.identity.account) {
		return "", fault.New(fault.Forbidden, "the caller's AWS account is not 12 digits")
	}
	switch r.From {
	case "", config.FromAccount:
		return "account:" + c.identity.account, nil
	case config.FromCaller:
		return r.callerTenant(c.identity)
	case config.FromHeader:
		return r.headerTenant(c)
	}
	return "", fault.New(fault.Forbidden, "no rule tells whose documents the request may see")
}

// callerTenant tells callers apart by IAM's unique ids, since a name may be given to
// another user or role later. All sessions of a role are one tenant.
func (rule) callerTenant(who identity) (string, error) {
	if who.fromIdentityPool {
		return "", fault.New(fault.Forbidden, "the caller came through a Cognito identity pool, whose users share one role: RAGTIME_TENANT_FROM=caller cannot tell them apart")
	}
	if m := roleID.FindStringSubmatch(who.caller); m != nil {
		return "caller:" + m[1], nil
	}
	if userID.MatchString(who.caller) {
		return "caller:" + who.caller, nil
	}
	return "", fault.New(fault.Forbidden, "the caller is neither an IAM user nor an assumed role")
}

// headerTenant takes the tenant that an IAM caller names. A name that cannot be a
// tenant's is Invalid, since the caller can mend it.
func (rule) headerTenant(c call) (string, error) {
	const name = "Ragtime-Tenant"
	if c.identity.caller == "" || c.identity.arn == "" {
		return "", fault.New(fault.Forbidden, "the header %s is taken from callers with an IAM identity only", name)
	}
	if c.identity.fromIdentityPool { // an app's user, who must not choose a tenant
		return "", fault.New(fault.Forbidden, "the header %s is not taken from users of a Cognito identity pool", name)
	}
	values := slices.Compact(slices.Sorted(slices.Values(c.tenantHeaders)))
	switch {
	case len(values) == 0:
		return "", fault.New(fault.Forbidden, "the request does not say in the header %s for which tenant it is", name)
	case len(values) > 1:
		return "", fault.InvalidField(name, "must be given once")
	}
	if problem := tenantProblem(values[0]); problem != "" {
		return "", fault.InvalidField(name, "%s", problem)
	}
	return "tenant:" + values[0], nil
}

// authorizerTenant takes the tenant that an authorizer names. A name that cannot be a
// tenant's is Forbidden, since the caller cannot mend it.
func authorizerTenant(what string, raw json.RawMessage) (string, error) {
	var v string
	switch {
	case raw == nil || string(raw) == "null":
		return "", fault.New(fault.Forbidden, "%s, which names the tenant, is missing", what)
	case json.Unmarshal(raw, &v) != nil:
		return "", fault.New(fault.Forbidden, "%s, which names the tenant, is not a string", what)
	}
	if problem := tenantProblem(v); problem != "" {
		return "", fault.New(fault.Forbidden, "%s, which names the tenant, %s", what, problem)
	}
	return "tenant:" + v, nil
}

// tenantProblem says why a name cannot be a tenant's; "" where it can.
func tenantProblem(name string) string {
	switch {
	case name == "":
		return "must not be empty"
	case len(name) > maxTenant:
		return fmt.Sprintf("must have at most %d characters", maxTenant)
	case !tenantName.MatchString(name):
		return "may have only A-Z a-z 0-9 . _ ~ @ + = : / | -"
	}
	return ""
}
