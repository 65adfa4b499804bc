package config

import (
	"fmt"
	"regexp"
	"strings"
)

// maxFilterKeys is how many metadata keys the index in template.yaml can have.
const maxFilterKeys = 8

var filterKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// parseFilterKeys reads RAGTIME_FILTER_KEYS.
func parseFilterKeys(v string) ([]string, error) {
	if v == "" {
		return nil, nil
	}
	keys := strings.Split(v, ",")
	if len(keys) > maxFilterKeys {
		return nil, fmt.Errorf("has %d keys, and may have %d", len(keys), maxFilterKeys)
	}
	seen := map[string]bool{}
	for _, k := range keys {
		if !filterKey.MatchString(k) || seen[k] {
			return nil, fmt.Errorf("%q must be 1 to 64 of A-Z a-z 0-9 _ . - and named once", shorten(k))
		}
		seen[k] = true
	}
	return keys, nil
}
