package apigw

import "ragtime/shared/fault"

// tenant is whose documents a request may see. It comes from the identity that
// API Gateway verified, never from anything in the request that a caller is free
// to choose. In this order:
//
//	a Lambda or Cognito authorizer's "tenant" (Cognito: "custom:tenant")   tenant:<value>
//	the authorizer's principal                                             principal:<id>
//	the AWS account of a request signed with AWS credentials               account:<id>
//
// The prefix keeps an account and a tenant of the same name apart.
func tenant(e Event) (string, error) {
	a := e.RequestContext.Authorizer
	claims, _ := a["claims"].(map[string]any)
	for _, c := range []struct {
		from        map[string]any
		key, prefix string
	}{
		{a, "tenant", "tenant:"},
		{claims, "custom:tenant", "tenant:"},
		{claims, "sub", "principal:"},
		{a, "principalId", "principal:"},
	} {
		if v, ok := c.from[c.key].(string); ok && v != "" {
			return c.prefix + v, nil
		}
	}
	if id := e.RequestContext.Identity.AccountID; id != "" {
		return "account:" + id, nil
	}
	return "", fault.New(fault.Unauthorized, "the request has no identity: sign it with AWS credentials")
}
