package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Where a tenant comes from: the values of RAGTIME_TENANT_FROM.
const (
	FromAccount    = "account"    // the AWS account of an IAM caller; the default
	FromCaller     = "caller"     // the role or user of an IAM caller
	FromHeader     = "header"     // the Ragtime-Tenant header of an IAM caller
	FromClaim      = "claim"      // claim:<name>, of a token that the gateway verified; claim alone is claim:sub
	FromAuthorizer = "authorizer" // authorizer:<key>, of a Lambda authorizer's context
)

// Tenancy is the rule that decides whose documents a request may see. The zero value is
// account.
type Tenancy struct {
	From string // FromAccount and so on; empty is FromAccount
	Name string // of the claim or the authorizer's key

	// Local is the tenant of requests without any identity under `sam local`, which
	// verifies nobody. It is empty in a deployed function, which refuses such requests.
	Local string
}

// localTenant is the tenant under `sam local`. `make run` uses the same one for unsigned
// requests, so that both see the same documents.
const localTenant = "account:000000000000"

// String is the value of RAGTIME_TENANT_FROM that means t.
func (t Tenancy) String() string {
	switch {
	case t.From == "":
		return FromAccount
	case t.Name != "":
		return t.From + ":" + t.Name
	}
	return t.From
}

var tenancyName = regexp.MustCompile(`^[A-Za-z0-9_:./-]{1,128}$`)

// userWritableClaims are the standard claims of OpenID Connect that users can change
// themselves: Cognito lets an app client write them unless it is configured otherwise. A
// user who can change the claim could become any tenant.
// https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
var userWritableClaims = []string{
	"address", "birthdate", "email", "family_name", "gender", "given_name", "locale", "middle_name",
	"name", "nickname", "phone_number", "picture", "preferred_username", "profile", "website", "zoneinfo",
}

func readTenancy(getenv func(string) string) (Tenancy, error) {
	const variable = "RAGTIME_TENANT_FROM"
	v := getenv(variable)
	from, name, hasName := strings.Cut(v, ":")
	t := Tenancy{From: from, Name: name}
	switch {
	case v == "":
		t.From = FromAccount
	case v == FromClaim:
		t.Name = "sub"
	case (v == FromAccount || v == FromCaller || v == FromHeader):
	case hasName && (from == FromClaim || from == FromAuthorizer):
		if !tenancyName.MatchString(name) {
			return t, fmt.Errorf("%s=%q: what follows %s: must be 1 to 128 of A-Z a-z 0-9 _ : . / -", variable, shorten(v), from)
		}
		if from == FromClaim && slices.Contains(userWritableClaims, name) {
			return t, fmt.Errorf("%s=%s: users write that claim themselves, so it cannot tell whose documents they see; use claim:sub, or one that only you set", variable, v)
		}
	default:
		return t, fmt.Errorf("%s=%q must be account, caller, header, claim:<name> or authorizer:<key>", variable, shorten(v))
	}
	return t, t.readLocal(getenv)
}

// readLocal sets Local where AWS_SAM_LOCAL says that the function runs under `sam local`.
// Someone might set that variable for a deployed function by mistake. So the log stream
// has to be that of `sam local` too (aws-sam-cli, env_vars.py): Lambda sets its variable
// to another value, and nobody can configure it.
func (t *Tenancy) readLocal(getenv func(string) string) error {
	if getenv("AWS_SAM_LOCAL") == "" {
		return nil
	}
	if getenv("AWS_LAMBDA_LOG_STREAM_NAME") != "$LATEST" {
		return fmt.Errorf("AWS_SAM_LOCAL is set, but this is not sam local: take the variable away; it would let requests without an identity in")
	}
	t.Local = localTenant
	return nil
}

func shorten(v string) string {
	if len(v) > 64 {
		return v[:64] + "..."
	}
	return v
}
