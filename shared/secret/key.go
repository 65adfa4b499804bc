package secret

import (
	"encoding/json"
	"strings"

	"ragtime/shared/fault"
)

// keyName is the member that counts in a secret with several.
const keyName = "OPENAI_API_KEY"

// parseKey finds the key in a secret's string: the whole of it, or, where it is JSON
// as the console makes it of key/value pairs, its only value, or the one called
// OPENAI_API_KEY.
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
