package secret

import (
	"encoding/json"
	"strings"

	"ragtime/shared/fault"
)

// keyName is the member with the key, in a secret with several members.
const keyName = "OPENAI_API_KEY"

// parseKey returns the key in a secret's string. That is the whole string or, in the JSON
// that the console makes of key/value pairs, the only value or that of OPENAI_API_KEY.
func parseKey(secret string) (string, error) {
	secret = strings.TrimSpace(secret)
	if strings.HasPrefix(secret, "{") {
		var members map[string]json.RawMessage
		if json.Unmarshal([]byte(secret), &members) != nil {
			return "", fault.New(fault.Upstream, "the secret with the OpenAI key begins as JSON and is none: put the key there as a plain string, or as the value of %s", keyName)
		}
		var found json.RawMessage
		for name, value := range members {
			if len(members) == 1 || strings.EqualFold(name, keyName) {
				found = value
			}
		}
		secret = ""
		if found == nil || json.Unmarshal(found, &secret) != nil {
			return "", fault.New(fault.Upstream, "the secret with the OpenAI key is JSON without a text called %s: name the key so", keyName)
		}
		secret = strings.TrimSpace(secret)
	}
	if secret == "" {
		return "", fault.New(fault.Upstream, "the secret with the OpenAI key is empty: put the key there as a plain string")
	}
	return secret, nil
}
